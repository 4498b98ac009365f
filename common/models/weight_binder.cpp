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

const Extents& WeightBinder::extents(const std::string& name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    throw invalid("no such weight in {}, and config.json asks for it: {}{} or {}",
                  checkpoint_->folder.string(), prefix_, name, name);
  }
  return entry->second.extents();
}

const WeightBinder::Entry& WeightBinder::find(const std::string& name,
                                              const Extents& expected) const {
  if (extents(name) != expected) {
    throw invalid(
        "a weight in {} has another shape than config.json says: {}: expected {}, found {}",
        checkpoint_->folder.string(), find(name)->first, to_string(expected),
        to_string(extents(name)));
  }
  const Entry& entry = *find(name);
  if (!is_float(entry.second.dtype())) {
    throw invalid("a weight in {} must be of a float type: {}: {}", checkpoint_->folder.string(),
                  entry.first, to_string(entry.second.dtype()));
  }
  return entry;
}

Value WeightBinder::bind(const std::string& name, const Tensor& tensor) {
  if (const auto it = values_.find(name); it != values_.end()) return it->second;
  const bool kept = tensor.dtype() == dtype_;
  const Value value = builder_->weight(name, {dtype_, to_shape(tensor.extents())});
  bound_.emplace(name, kept ? tensor : tensor.cast(dtype_));
  values_.emplace(name, value);
  return value;
}

Value WeightBinder::get(const std::string& name, const Extents& extents) {
  const auto& [published, tensor] = find(name, extents);
  return bind(published, tensor);
}

Value WeightBinder::rows(const std::string& name, const Extents& extents, std::int64_t first,
                         std::int64_t count) {
  const auto& [published, tensor] = find(name, extents);
  Extents own = extents;
  own[0] = count;
  const std::int64_t row = element_count(extents) / extents[0];
  return bind(fmt::format("{}[{}:{}]", published, first, first + count),
              part(tensor, std::move(own), first * row));
}

Value WeightBinder::matrix(const std::string& name, const Extents& extents, std::int64_t index,
                           std::int64_t first, std::int64_t count) {
  const auto& [published, tensor] = find(name, extents);
  const std::int64_t start = (index * extents[1] + first) * extents[2];
  return bind(fmt::format("{}[{},{}:{}]", published, index, first, first + count),
              part(tensor, {count, extents[2]}, start));
}

}  // namespace paceline
