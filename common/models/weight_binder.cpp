#include "common/models/weight_binder.h"

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "common/base/error.h"

namespace paceline {

namespace {

// Names of TensorFlow's layer norms, which old BERT files still carry.
std::optional<std::string> old_name(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> renamed{{
      {"LayerNorm.weight", "LayerNorm.gamma"},
      {"LayerNorm.bias", "LayerNorm.beta"},
  }};
  for (const auto& [now, then] : renamed) {
    if (name.ends_with(now)) {
      return name.substr(0, name.size() - now.size()).append(then);
    }
  }
  return std::nullopt;
}

Shape to_shape(const Extents& extents) { return {extents.begin(), extents.end()}; }

// Elements from `first` on, of a tensor that stays alive with the view.
Tensor part(const Tensor& whole, Extents extents, std::int64_t first) {
  auto owner = std::make_shared<const Tensor>(whole);
  const auto* data = whole.as<const std::byte>() + first * size_bytes(whole.dtype());
  return Tensor(whole.dtype(), std::move(extents), std::move(owner), data);
}

}  // namespace

WeightBinder::WeightBinder(GraphBuilder& builder, const Checkpoint& checkpoint, std::string prefix,
                           Dtype dtype)
    : builder_(&builder), checkpoint_(&checkpoint), prefix_(std::move(prefix)), dtype_(dtype) {}

const WeightBinder::Entry* WeightBinder::find(const std::string& name) const {
  for (const std::string& candidate : {prefix_ + name, name}) {
    const auto it = checkpoint_->tensors.find(candidate);
    if (it != checkpoint_->tensors.end()) return &*it;
  }
  const auto old = old_name(name);
  return old ? find(*old) : nullptr;
}

const ops::BlockFormat* WeightBinder::blocks_of(const Entry& entry) const {
  const auto found = checkpoint_->blocks.find(entry.first);
  return found == checkpoint_->blocks.end() ? nullptr : found->second;
}

std::string WeightBinder::said_name(const std::string& published) const {
  return checkpoint_->own_name ? checkpoint_->own_name(published) : published;
}

// All under which the weight is looked for.
std::string WeightBinder::said_names(const std::string& name) const {
  const std::string with_prefix = said_name(prefix_ + name), without = said_name(name);
  if (!checkpoint_->own_name) return fmt::format("{} or {}", with_prefix, without);
  return with_prefix == prefix_ + name ? without : with_prefix;
}

Extents WeightBinder::extents(const std::string& name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    throw invalid("no such weight in {}, and {} asks for it: {}", checkpoint_->folder.string(),
                  checkpoint_->settings, said_names(name));
  }
  Extents extents = entry->second.extents();
  if (const ops::BlockFormat* blocks = blocks_of(*entry); blocks && !extents.empty()) {
    extents.back() = blocks->row_elements(extents.back());
  }
  return extents;
}

const WeightBinder::Entry& WeightBinder::find(const std::string& name,
                                              const Extents& expected) const {
  if (extents(name) != expected) {
    throw invalid("a weight in {} has another shape than {} says: {}: expected {}, found {}",
                  checkpoint_->folder.string(), checkpoint_->settings, said_name(find(name)->first),
                  to_string(expected), to_string(extents(name)));
  }
  const Entry& entry = *find(name);
  if (blocks_of(entry) == nullptr && !is_float(entry.second.dtype())) {
    throw invalid("a weight in {} must be of a float type: {}: {}", checkpoint_->folder.string(),
                  said_name(entry.first), to_string(entry.second.dtype()));
  }
  return entry;
}

Value WeightBinder::bind(const std::string& name, const Tensor& tensor,
                         const ops::BlockFormat* blocks) {
  if (const auto it = values_.find(name); it != values_.end()) return it->second;
  const bool kept = blocks != nullptr || tensor.dtype() == dtype_;
  const Tensor& bound = bound_.emplace(name, kept ? tensor : tensor.cast(dtype_)).first->second;
  Value value = builder_->weight(name, {bound.dtype(), to_shape(bound.extents())});
  if (blocks != nullptr) {
    const Attribute format = std::string(blocks->name);
    const Value bytes = value;
    value = builder_->op("dequantize", {bytes}, {{"format", format}, {"dtype", dtype_}}, name);
    blocks_.emplace(value.ref().node, Blocks{bytes, format});
  }
  values_.emplace(name, value);
  return value;
}

Value WeightBinder::bind_rows(const std::string& name, const Entry& entry, std::int64_t columns,
                              std::int64_t first, std::int64_t rows) {
  const ops::BlockFormat* blocks = blocks_of(entry);
  const std::int64_t stored = blocks != nullptr ? blocks->row_bytes(columns) : columns;
  return bind(name, part(entry.second, {rows, stored}, first * stored), blocks);
}

Value WeightBinder::get(const std::string& name, const Extents& extents) {
  const Entry& entry = find(name, extents);
  return bind(entry.first, entry.second, blocks_of(entry));
}

Value WeightBinder::rows(const std::string& name, const Extents& extents, std::int64_t first,
                         std::int64_t count) {
  const Entry& entry = find(name, extents);
  return bind_rows(fmt::format("{}[{}:{}]", entry.first, first, first + count), entry, extents[1],
                   first, count);
}

Value WeightBinder::matrix(const std::string& name, const Extents& extents, std::int64_t index,
                           std::int64_t first, std::int64_t count) {
  const Entry& entry = find(name, extents);
  return bind_rows(fmt::format("{}[{},{}:{}]", entry.first, index, first, first + count), entry,
                   extents[2], index * extents[1] + first, count);
}

Value WeightBinder::linear(const Value& x, std::vector<Value> weight_and_bias,
                           const std::string& label) const {
  std::vector<Value> operands{x};
  operands.insert(operands.end(), weight_and_bias.begin(), weight_and_bias.end());
  const auto blocks = blocks_.find(weight_and_bias.front().ref().node);
  if (blocks == blocks_.end()) return builder_->op("linear", std::move(operands), {}, label);
  operands[1] = blocks->second.bytes;
  return builder_->op("linear_quantized", std::move(operands), {{"format", blocks->second.format}},
                      label);
}

Value WeightBinder::embedding(const Value& ids, const Value& table,
                              const std::string& label) const {
  const auto blocks = blocks_.find(table.ref().node);
  if (blocks == blocks_.end()) return builder_->op("embedding", {ids, table}, {}, label);
  const Value rows = builder_->op("embedding", {ids, blocks->second.bytes}, {}, label);
  return builder_->op("dequantize", {rows},
                      {{"format", blocks->second.format}, {"dtype", table.dtype()}}, label);
}

}  // namespace paceline
