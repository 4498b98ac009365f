#include "common/graph/op.h"

#include <algorithm>
#include <numeric>

#include "common/base/error.h"

namespace paceline {

namespace {

bool by_name(const Op& a, const Op& b) { return a.name < b.name; }

// Levenshtein's distance: how many letters to insert, delete or replace.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

bool is_near(std::string_view asked, std::string_view name) {
  constexpr std::size_t length_max = 64;  // Longer requests are no misspelt names.
  if (asked.empty() || asked.size() > length_max) return false;
  return name.find(asked) != std::string_view::npos || edit_distance(asked, name) <= 2;
}

std::string describe(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + type.to_string();
  return "(" + text + ")";
}

void check_arity(const Op& op, std::size_t count) {
  const bool enough = count >= static_cast<std::size_t>(op.input_count_min);
  const bool few = op.input_count_max < 0 || count <= static_cast<std::size_t>(op.input_count_max);
  if (enough && few) return;
  const std::string most = op.input_count_max < 0 ? "or more" : fmt::format("to {}", op.input_count_max);
  throw invalid("{} takes {} {} inputs: got {}", op.name, op.input_count_min, most, count);
}

}  // namespace

OpSet::OpSet(std::vector<Op> ops) : ops_(std::move(ops)) {
  std::sort(ops_.begin(), ops_.end(), by_name);
  const auto twin = std::adjacent_find(ops_.begin(), ops_.end(),
                                       [](const Op& a, const Op& b) { return a.name == b.name; });
  check(twin == ops_.end(), "two ops have one name");
}

const Op* OpSet::find(std::string_view name) const {
  const auto at = std::lower_bound(ops_.begin(), ops_.end(), name,
                                   [](const Op& op, std::string_view key) { return op.name < key; });
  return at != ops_.end() && at->name == name ? &*at : nullptr;
}

const Op& OpSet::get(std::string_view name) const {
  if (const Op* op = find(name)) return *op;
  std::string near;
  for (const Op& op : ops_) {
    if (is_near(name, op.name)) near += (near.empty() ? "; near names: " : ", ") + op.name;
  }
  throw invalid("unknown op \"{}\"{}", name, near);
}

std::vector<TensorType> infer_types(const Op& op, std::span<const TensorType> inputs,
                                    const Attributes& attributes) {
  check_arity(op, inputs.size());
  std::vector<TensorType> types;
  try {
    types = op.infer({inputs, attributes});
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}{}: {}", op.name, describe(inputs), error.what()));
  }
  for (const TensorType& type : types) check_rank(type);
  return types;
}

void check_rank(const TensorType& type) {
  if (type.shape.size() <= tensor_rank_max) return;
  throw invalid("a tensor has at most {} axes: {}", tensor_rank_max, type.to_string());
}

}  // namespace paceline
