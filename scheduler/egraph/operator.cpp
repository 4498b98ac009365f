#include "scheduler/egraph/operator.h"

#include <bit>
#include <type_traits>

namespace paceline::egraph {

namespace {

void mix(std::size_t& hash, std::size_t value) {
  hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
}

template <typename T>
std::size_t hash_of(const T& value) {
  return std::hash<T>()(value);
}

std::size_t hash_of(const Dim& dim) {
  const auto constant = dim.constant();
  return constant ? hash_of(*constant) : hash_of(dim.to_string());
}

template <typename T>
std::size_t hash_of(const std::vector<T>& items) {
  std::size_t hash = items.size();
  for (const T& item : items) mix(hash, hash_of(item));
  return hash;
}

std::size_t hash_of(const Attribute& attribute) {
  return std::visit([](const auto& value) { return hash_of(value); }, attribute);
}

std::size_t hash_of(const Op& op, const Attributes& attributes, std::int32_t output) {
  std::size_t hash = hash_of(&op);
  mix(hash, static_cast<std::size_t>(output));
  for (const auto& [name, value] : attributes) {
    mix(hash, hash_of(name));
    mix(hash, hash_of(value));
  }
  return hash;
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// 0 and -0 differ, as they do in a graph's identity.
bool equal(const Attributes& a, const Attributes& b) {
  if (a != b) return false;
  for (const auto& [name, value] : a) {
    const double* real = std::get_if<double>(&value);
    if (real != nullptr && !same_bits(*real, b.get<double>(name))) return false;
  }
  return true;
}

std::string key_of(const Node& leaf) {
  const TensorType& type = leaf.outputs[0];
  if (leaf.kind != NodeKind::constant) {
    return fmt::format("{} {} {}", static_cast<int>(leaf.kind), leaf.name, type.to_string());
  }
  Hasher hasher("egraph/constant");
  hasher.add(type.to_string());
  hasher.add_bytes(
      {static_cast<const std::byte*>(leaf.constant.data()), leaf.constant.size_bytes()});
  return hasher.finish().to_string();
}

}  // namespace

OperatorId Operators::add(std::size_t hash, Operator added) {
  const OperatorId id{count()};
  all_.push_back(std::move(added));
  by_hash_[hash].push_back(id);
  return id;
}

OperatorId Operators::intern(const Op& op, const Attributes& attributes, std::int32_t output,
                             OperatorId siblings) {
  const bool is_shared = op.facts.deterministic && !op.facts.collective;
  const std::size_t hash = hash_of(op, attributes, output);
  if (is_shared) {
    for (const OperatorId id : by_hash_[hash]) {
      const Operator& known = (*this)[id];
      if (known.op == &op && known.output == output && equal(known.attributes, attributes)) {
        return id;
      }
    }
  }
  if (output > 0 && siblings == OperatorId{}) siblings = intern(op, attributes, 0);
  const OperatorId id = add(hash, {.op = &op,
                                   .attributes = attributes,
                                   .output = output,
                                   .siblings = siblings,
                                   .instance = is_shared ? 0 : ++instances_});
  if (output == 0) all_[id.value].siblings = id;
  return id;
}

OperatorId Operators::intern_leaf(const Node& leaf) {
  check(leaf.kind != NodeKind::op && leaf.outputs.size() == 1, "a leaf has one type and no op");
  const auto [place, is_new] = leaves_.try_emplace(key_of(leaf));
  if (is_new) {
    place->second = {count()};
    all_.push_back(
        {.kind = leaf.kind, .name = leaf.name, .type = leaf.outputs[0], .constant = leaf.constant});
  }
  return place->second;
}

}  // namespace paceline::egraph
