#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/packed_linear.h"
#include "kernels/cpu/support/packed_many_rows.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {

struct PackedState : Prepared {
  explicit PackedState(const Attributes& attributes) {
    const auto& name = attributes.get<std::string>("activation");
    if (name != "none") activation = parse_activation(name);
  }
  std::optional<Activation> activation;
};

// The operands of linear_packed or linear_packed_residual.
template <typename T>
PackedProblem<T> packed_problem(const Call& call, bool has_residual) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &out = call.outputs[0];
  const std::int64_t n = out.extents[out.rank - 1];
  return {.m = n == 0 ? 0 : out.element_count() / n,
          .n = n,
          .k = x.extents[x.rank - 1],
          .tile = weight.extents[2],
          .depth = weight.extents[3],
          .x = x.as<const T>(),
          .weight = weight.as<const std::byte>(),
          .around = {.bias = optional_input<T>(call, has_residual ? 3 : 2),
                     .residual = has_residual ? call.inputs[2].as<const T>() : nullptr},
          .out = out.as<T>()};
}

// Of all threads.
inline std::int64_t packed_workspace_bytes(const OpInputs& in, int threads) {
  if (in[0].dtype != Dtype::f32) return packed_workspace_bytes<Float16>() * threads;
  const std::int64_t bytes = packed_workspace_bytes<float>() * threads;
  if (in[1].dtype != Dtype::f32) return bytes;
  Dim m = 1;
  const Shape& x = in[0].shape;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) m = m * x[i];
  const auto k = x.back().constant(), rows = m.constant();
  // Of rows that nobody knows yet there may be as many as stay.
  if (!k || !rows) return std::max(bytes, many_rows_workspace_max * threads);
  if (!has_many_rows(*rows, in.attributes.get<std::int64_t>("columns"), *k)) return bytes;
  return std::max(bytes, ManyRowsParts(*rows, *k, threads).workspace_bytes() * threads);
}

// What kernels of packed weights of a dtype have in common.
inline Kernel packed_kernel(KernelInfo info, Dtype weight, void (*run)(const Call&)) {
  info.accepts.attributes = {{"weight_dtype", weight}};
  info.accepts.divisible = {{.input = 1, .axis = 2, .by = panel_columns}};
  return {.info = std::move(info),
          .workspace_bytes =
              [](const OpInputs& in, const Resources& resources) {
                return Dim(packed_workspace_bytes(in, resources.threads));
              },
          .prepare = prepare<PackedState>,
          .run = run};
}

}  // namespace paceline::kernels::cpu
