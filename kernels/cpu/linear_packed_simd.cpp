#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_packed_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// Before what includes intrinsics too. Clang up to 14 has those of f16 only where the whole program
// is compiled for them.
#if defined(__x86_64__) && (!defined(__clang__) || __clang_major__ > 14)
#define PACELINE_PACKED_FP16 1
#include "kernels/cpu/support/packed_fp16.h"
#else
#define PACELINE_PACKED_FP16 0
#endif
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/packed_few_rows-inl.h"
#include "kernels/cpu/support/packed_linear-inl.h"
#include "kernels/cpu/support/packed_many_rows-inl.h"
#include "kernels/cpu/support/packed_problem.h"
#include "kernels/cpu/support/simd_kernel.h"

// Products with packed weights in float, whatever x and the weight are stored in.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

template <typename T>
PackedFunctions<T> functions_of(Dtype weight) {
  PackedFunctions<T> functions{.stage = stage_floats<T>, .multiply = multiply_floats};
  if (weight == Dtype::f32) return functions;
  functions.staged_group_bytes = 8;
  functions.multiply = weight == Dtype::f16 ? multiply_halves<Float16> : multiply_halves<Bfloat16>;
  return functions;
}

template <typename Visit>
void visit_finish(std::optional<Activation> activation, const Visit& visit) {
  activation ? visit_vector_activation(*activation, visit) : visit(Same{});
}

#if PACELINE_PACKED_FP16
// In the arithmetic of f16.
template <typename T>
PackedFunctions<T> narrow_functions() {
  return {.stage = stage_halves<T>, .multiply = fp16::multiply};
}
#endif

template <bool has_residual, typename FunctionsOf>
void run(const Call& call, const FunctionsOf& functions_of) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T> type) {
    PackedFunctions<T> functions = functions_of(type);
    visit_finish(call.state<PackedState>().activation,
                 [&]<typename F>(F) { functions.finish = finish_packed<F, T>; });
    multiply_packed_weight(packed_problem<T>(call, has_residual), functions, call.threads,
                           call.workspace);
  });
}

using Activate = void (*)(float* out, std::int64_t stride, std::int64_t rows, std::int64_t columns);

Activate activate_of(std::optional<Activation> activation) {
  Activate activate = nullptr;
  if (activation) {
    visit_vector_activation(*activation, [&]<typename F>(F) { activate = activate_few<F>; });
  }
  return activate;
}

// In float, in a form of its own for few rows and for many; says whether there is one.
template <bool has_residual>
bool run_floats(const Call& call) {
  if (call.inputs[0].dtype != Dtype::f32 || call.inputs[1].dtype != Dtype::f32) return false;
  const PackedProblem<float> p = packed_problem<float>(call, has_residual);
  const Activate activate = activate_of(call.state<PackedState>().activation);
  if (p.m <= few_packed_rows_max) {
    multiply_few_packed_rows(p, {.multiply = multiply_few, .activate = activate}, call.threads);
    return true;
  }
  if (!has_many_rows(p.m, p.n, p.k) || p.tile != panel_columns) return false;
  const ManyRowsFunctions functions{.rows_max = rows_max,
                                    .stage = stage_interleaved,
                                    .multiply = multiply_many,
                                    .activate = activate};
  multiply_many_packed_rows(p, functions, call.threads, call.workspace);
  return true;
}

template <bool has_residual>
void run_wide(const Call& call) {
  if (run_floats<has_residual>(call)) return;
  run<has_residual>(call, [&]<typename T>(std::type_identity<T>) {
    return functions_of<T>(call.inputs[1].dtype);
  });
}

void run_linear(const Call& call) { run_wide<false>(call); }
void run_residual(const Call& call) { run_wide<true>(call); }

#if PACELINE_PACKED_FP16
template <bool has_residual>
void run_narrow(const Call& call) {
  run<has_residual>(call, []<typename T>(std::type_identity<T>) { return narrow_functions<T>(); });
}

void run_narrow_linear(const Call& call) { run_narrow<false>(call); }
void run_narrow_residual(const Call& call) { run_narrow<true>(call); }
#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_linear);
HWY_EXPORT(run_residual);

#if PACELINE_PACKED_FP16
HWY_EXPORT(run_narrow_linear);
HWY_EXPORT(run_narrow_residual);

Kernel narrow(std::string name, const char* op, void (*run)(const Call&)) {
  KernelInfo info = simd_info(std::move(name), op, {Strides::dense}, 1.7, Precision::narrows);
  info.accepts.isa = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_fp16"};
  return packed_kernel(std::move(info), Dtype::f16, run);
}

void add_narrow(std::vector<Kernel>& kernels) {
  kernels.push_back(
      narrow("linear_fp16", "linear_packed", PACELINE_BEST_TARGET(run_narrow_linear)));
  kernels.push_back(
      narrow("residual_fp16", "linear_packed_residual", PACELINE_BEST_TARGET(run_narrow_residual)));
}
#else
void add_narrow(std::vector<Kernel>&) {}
#endif

}  // namespace

std::vector<Kernel> linear_packed_simd() {
  std::vector<Kernel> kernels;
  for (const Dtype weight : SimdFloats::list()) {
    const double efficiency = weight == Dtype::f32 ? 0.9 : 0.65;
    const auto add = [&](std::string name, const char* op, void (*run)(const Call&)) {
      KernelInfo info = simd_info(name + std::string(to_string(weight)), op, {Strides::dense},
                                  efficiency, Precision::approximates);
      kernels.push_back(packed_kernel(std::move(info), weight, run));
    };
    add("linear_", "linear_packed", PACELINE_BEST_TARGET(run_linear));
    add("residual_", "linear_packed_residual", PACELINE_BEST_TARGET(run_residual));
  }
  add_narrow(kernels);
  return kernels;
}

}  // namespace paceline::kernels::cpu
#endif
