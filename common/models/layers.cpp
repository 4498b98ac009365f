#include "common/models/layers.h"

#include "common/base/error.h"

namespace paceline {

namespace {

std::int64_t last_extent(const Value& x) { return *x.dim(-1).constant(); }

}  // namespace

Pass::Pass(ModelForm form)
    : batch(Dim::symbol("B")),
      length(Dim::symbol("N")),
      past(form == ModelForm::generate ? Dim::symbol("past") : Dim(0)),
      is_cached(form == ModelForm::generate) {}

Value Pass::token_ids(GraphBuilder& builder) const {
  return builder.input("input_ids", {Dtype::i64, {batch, length}});
}

Value Pass::positions(GraphBuilder& builder) const {
  return builder.op("iota", {}, {{"start", past}, {"extent", length}});
}

Value linear(WeightBinder& weights, const Value& x, const std::string& name, std::int64_t outputs,
             bool has_bias) {
  std::vector<Value> operands{weights.get(name + ".weight", {outputs, last_extent(x)})};
  if (has_bias) operands.push_back(weights.get(name + ".bias", {outputs}));
  return weights.linear(x, std::move(operands), name);
}

Value layer_norm(WeightBinder& weights, const Value& x, const std::string& name, double epsilon) {
  const Extents extents{last_extent(x)};
  return weights.builder().op(
      "layer_norm",
      {x, weights.get(name + ".weight", extents), weights.get(name + ".bias", extents)},
      {{"epsilon", epsilon}}, name);
}

Value embedding(WeightBinder& weights, const Value& ids, const std::string& name, std::int64_t rows,
                std::int64_t columns) {
  return weights.embedding(ids, weights.get(name + ".weight", {rows, columns}), name);
}

Value split_heads(const Value& x, std::int64_t heads) {
  const std::int64_t head_dim = last_extent(x) / heads;
  return x.reshape({x.dim(0), x.dim(1), heads, head_dim}).permute({0, 2, 1, 3});
}

Value merge_heads(const Value& x) {
  const Value rows = x.permute({0, 2, 1, 3});
  return rows.reshape({rows.dim(0), rows.dim(1), rows.dim(2) * rows.dim(3)});
}

Value attention(const Value& q, const Value& k, const Value& v, const AttentionSpec& spec) {
  return q.builder().op(
      "attention", {q, k, v},
      {{"scale", spec.scale}, {"causal", spec.is_causal}, {"window", spec.window}});
}

Value remember(const Pass& pass, const std::string& name, const Value& x) {
  if (!pass.is_cached) return x;
  GraphBuilder& builder = x.builder();
  const Shape shape{x.dim(0), x.dim(1), Dim::symbol("capacity"), x.dim(3)};
  const Value state = builder.state(name, {x.dtype(), shape});
  const Value updated =
      builder.op("update_slice", {state, x}, {{"axis", std::int64_t{2}}, {"start", pass.past}});
  builder.update(state, updated);
  return updated.slice(2, 0, pass.past + pass.length);
}

std::int64_t derived_head_dim(const Config& config, std::int64_t hidden, std::int64_t heads) {
  if (hidden % heads != 0) {
    throw invalid("{}: the number of attention heads must divide the hidden size: {} and {}",
                  config.source(), heads, hidden);
  }
  return hidden / heads;
}

}  // namespace paceline
