#include "common/ops/support/decoder_layer.h"

#include <algorithm>

#include "common/ops/support/infer.h"

namespace paceline::ops {

Op norm_linears();
Op head_append();
Op attention();
Op linear_residual();
Op norm_linears_gated();

namespace layer_steps {

namespace {

Attributes chosen(const Attributes& from, std::initializer_list<const char*> names) {
  Attributes some;
  for (const char* name : names) some.set(name, *from.find(name));
  return some;
}

}  // namespace

const Op& op_of(const Step& step) {
  static const std::vector<Op> ops = [] {
    std::vector<Op> made = {norm_linears(), head_append(), attention(), linear_residual(),
                            norm_linears_gated()};
    const char* names[] = {"norm_linears", "head_append", "attention", "linear_residual",
                           "norm_linears_gated"};
    for (std::size_t i = 0; i < made.size(); ++i) made[i].name = names[i];
    return made;
  }();
  const auto found = std::ranges::find(ops, step.op, &Op::name);
  check(found != ops.end(), step.op);
  return *found;
}

std::vector<Step> steps(std::size_t inputs, const Attributes& attributes) {
  const bool has_norms = inputs > input_count;
  Attributes first = chosen(attributes, {"epsilon", "weight_offset"});
  Attributes gated = chosen(attributes, {"epsilon", "weight_offset", "activation"});
  Attributes append = chosen(attributes, {"start", "epsilon", "weight_offset", "interleaved"});
  Attributes attend = chosen(attributes, {"scale", "window", "softcap"});
  attend.set("causal", true);
  std::vector<Step> steps = {
      {"norm_linears", {x, norm, wq, wk, wv}, {q, k, v}, first},
      {"head_append",
       {q, k, v, cosines, sines, keys, values},
       {heads, kept_keys, kept_values},
       append},
      {"attention", {heads, seen_keys, seen_values}, {attended}, attend},
      {"linear_residual", {joined, wo, x}, {middle}, {}},
      {"norm_linears_gated", {middle, inner_norm, wg, wu}, {inner}, gated},
      {"linear_residual", {inner, wd, middle}, {out}, {}},
  };
  if (has_norms) steps[1].inputs.insert(steps[1].inputs.end(), {q_norm, k_norm});
  for (Step& step : steps) {
    const Op& op = op_of(step);
    step.attributes = step.attributes.complete(op.name, op.attributes);
  }
  return steps;
}

ValueTypes types_of(const OpInputs& in) {
  if (in.size() != input_count && in.size() != input_count + 2) {
    throw invalid("one of queries and keys is normed, the other is not");
  }
  expect_equal_dtypes(in);
  ValueTypes types;
  for (std::size_t i = 0; i < in.size(); ++i) types[i] = in[i];
  if (rank_of(in[x]) != 3) throw invalid("3 axes are wanted: {}", in[x].to_string());
  for (const Step& step : steps(in.size(), in.attributes)) {
    std::vector<TensorType> operands;
    for (const std::size_t input : step.inputs) operands.push_back(types[input]);
    const std::vector<TensorType> found = infer_types(op_of(step), operands, step.attributes);
    for (std::size_t i = 0; i < found.size(); ++i) types[step.outputs[i]] = found[i];
    if (step.outputs.front() == heads) {
      for (const std::size_t state : {0, 1}) {
        types[seen_keys + state] = types[kept_keys + state];
        types[seen_keys + state].shape[2] = in.attributes.get<Dim>("start") + in[x].shape[1];
      }
    }
    if (step.outputs.front() == attended) {
      const Shape& all = types[attended].shape;
      types[joined] = {in[x].dtype, {all[0], all[2], all[1] * all[3]}};
    }
  }
  return types;
}

}  // namespace layer_steps

}  // namespace paceline::ops
