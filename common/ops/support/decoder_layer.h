#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "common/graph/op.h"

// A decoder's layer as the steps that it consists of: what `decoder_layer` means. Each step is an
// op of its own on values, of which the first are the layer's inputs.
namespace paceline::ops::layer_steps {

// Values. The weights of the heads' norms come both or not at all; steps follow the inputs.
enum : std::size_t {
  x,
  norm,
  wq,
  wk,
  wv,
  cosines,
  sines,
  keys,
  values,
  wo,
  inner_norm,
  wg,
  wu,
  wd,
  q_norm,
  k_norm,
  q,
  k,
  v,
  heads,      // Of q: [B,H,N,D].
  kept_keys,  // The states afterwards.
  kept_values,
  seen_keys,  // Their first start + N rows.
  seen_values,
  attended,  // [B,H,N,E]
  joined,    // The same as [B,N,H*E].
  middle,
  inner,
  out,
  value_count
};
inline constexpr std::size_t input_count = q_norm;  // Without norms of heads.

struct Step {
  const char* op;
  std::vector<std::size_t> inputs, outputs;
  Attributes attributes;
};

// In order. Between the second and the third what is seen of the states is cut out, behind the
// third heads are joined.
std::vector<Step> steps(std::size_t inputs, const Attributes& attributes);
inline constexpr std::size_t attention_step = 2;

// The op of a step.
const Op& op_of(const Step& step);

// By value; those that are not there, of norms, have no axes.
using ValueTypes = std::array<TensorType, value_count>;
ValueTypes types_of(const OpInputs& in);

}  // namespace paceline::ops::layer_steps
