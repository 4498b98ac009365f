#pragma once

#include <optional>
#include <string>
#include <utility>

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/packed_linear.h"
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

// What kernels of packed weights of a dtype have in common.
inline Kernel packed_kernel(KernelInfo info, Dtype weight, void (*run)(const Call&)) {
  info.accepts.attributes = {{"weight_dtype", weight}};
  info.accepts.divisible = {{.input = 1, .axis = 2, .by = panel_columns}};
  return {.info = std::move(info),
          .workspace_bytes =
              [](const OpInputs& in, const Resources& resources) {
                const std::int64_t bytes = in[0].dtype == Dtype::f32
                                               ? packed_workspace_bytes<float>()
                                               : packed_workspace_bytes<Float16>();
                return Dim(bytes * resources.threads);
              },
          .prepare = prepare<PackedState>,
          .run = run};
}

}  // namespace paceline::kernels::cpu
