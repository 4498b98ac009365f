#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/unary_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <array>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

struct ExpOf {
  HWY_INLINE Vector operator()(Vector x) const { return exponential(x); }
};
struct TanhOf {
  HWY_INLINE Vector operator()(Vector x) const { return hyperbolic_tangent(x); }
};
struct ErfOf {
  HWY_INLINE Vector operator()(Vector x) const { return error_function(x); }
};

template <typename F, typename T>
void map(const T* x, T* out, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += lane_count) {
    store_first(F{}(load_first(x + i, end - i)), out + i, end - i);
  }
}

template <typename F>
void run_as(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  SimdFloats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    parallel_ranges(x.element_count(), 1, call.threads, [&](std::int64_t begin, std::int64_t end) {
      map<F>(x.as<const T>(), out.as<T>(), begin, end);
    });
  });
}

void run_exp(const Call& call) { run_as<ExpOf>(call); }
void run_tanh(const Call& call) { run_as<TanhOf>(call); }
void run_erf(const Call& call) { run_as<ErfOf>(call); }
void run_relu(const Call& call) { run_as<ReluOf>(call); }
void run_sigmoid(const Call& call) { run_as<SigmoidOf>(call); }
void run_silu(const Call& call) { run_as<SiluOf>(call); }
void run_gelu(const Call& call) { run_as<GeluOf>(call); }
void run_gelu_tanh(const Call& call) { run_as<GeluTanhOf>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_exp);
HWY_EXPORT(run_tanh);
HWY_EXPORT(run_erf);
HWY_EXPORT(run_relu);
HWY_EXPORT(run_sigmoid);
HWY_EXPORT(run_silu);
HWY_EXPORT(run_gelu);
HWY_EXPORT(run_gelu_tanh);

Kernel kernel(const char* name, const char* op, void (*run)(const Call&),
              Attributes attributes = {}, Precision precision = Precision::approximates) {
  KernelInfo info = simd_info(name, op, {Strides::dense}, 0.5, precision);
  info.accepts.attributes = std::move(attributes);
  return {.info = std::move(info), .run = run};
}

Attributes approximate(const char* form) { return {{"approximate", std::string(form)}}; }

}  // namespace

// Functions of one dense operand.
std::vector<Kernel> unary_simd() {
  return {
      kernel("exp", "exp", PACELINE_BEST_TARGET(run_exp)),
      kernel("tanh", "tanh", PACELINE_BEST_TARGET(run_tanh)),
      kernel("erf", "erf", PACELINE_BEST_TARGET(run_erf)),
      kernel("relu", "relu", PACELINE_BEST_TARGET(run_relu)),
      kernel("sigmoid", "sigmoid", PACELINE_BEST_TARGET(run_sigmoid)),
      kernel("silu", "silu", PACELINE_BEST_TARGET(run_silu)),
      kernel("gelu", "gelu", PACELINE_BEST_TARGET(run_gelu), approximate("none")),
      kernel("gelu_tanh", "gelu", PACELINE_BEST_TARGET(run_gelu_tanh), approximate("tanh")),
  };
}

}  // namespace paceline::kernels::cpu
#endif
