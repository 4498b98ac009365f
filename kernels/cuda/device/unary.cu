#include "kernels/cuda/device/elementwise.h"
#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

template <UnaryOp op, typename Out, typename T>
struct Unary {
  __device__ __forceinline__ Out operator()(T x) const { return narrow<Out>(unary<op>(widen(x))); }
};

// One copy of all functions, for those that are not worth a kernel of their own: the choice is the
// same for all threads.
template <typename T>
__device__ __noinline__ T any_float(UnaryOp op, T x) {
  switch (op) {
#define X(name)       \
  case UnaryOp::name: \
    return unary<UnaryOp::name>(x);
    PACELINE_FLOAT_UNARY(X)
#undef X
    default:
      return x;
  }
}

template <typename T>
struct AnyFloat {
  UnaryOp op;
  __device__ __forceinline__ T operator()(T x) const { return narrow<T>(any_float(op, widen(x))); }
};

template <typename Out, typename T, UnaryOp op>
void launch(const Loop<2>& loop, const LaunchPlace& place) {
  const Unary<op, Out, T> f;
  launch_map<Out, T, Nothing, Nothing, false>(loop, f, f, place);
}

template <typename T>
void launch_float(UnaryOp op, const Loop<2>& loop, const LaunchPlace& place) {
  const AnyFloat<T> any{op};
  if (op == UnaryOp::is_nan) return launch<bool, T, UnaryOp::is_nan>(loop, place);
  if (op == UnaryOp::is_inf) return launch<bool, T, UnaryOp::is_inf>(loop, place);
  if constexpr (sizeof(T) <= 4) {
    switch (op) {
#define X(name)       \
  case UnaryOp::name: \
    return launch_map<T, T>(loop, Unary<UnaryOp::name, T, T>{}, any, place);
      X(abs)
      X(exp) X(gelu) X(gelu_tanh) X(neg) X(relu) X(rsqrt) X(sigmoid) X(silu) X(sqrt) X(tanh)
#undef X
          default : break;
    }
  }
  launch_map<T, T>(loop, any, any, place);
}

template <typename T>
void launch_integer(UnaryOp op, const Loop<2>& loop, const LaunchPlace& place) {
  switch (op) {
    case UnaryOp::abs:
      return launch<T, T, UnaryOp::abs>(loop, place);
    case UnaryOp::neg:
      return launch<T, T, UnaryOp::neg>(loop, place);
    case UnaryOp::sign:
      return launch<T, T, UnaryOp::sign>(loop, place);
    default:
      return launch<T, T, UnaryOp::bitwise_not>(loop, place);
  }
}

}  // namespace

void launch_unary(UnaryOp op, Element dtype, const Loop<2>& loop, const LaunchPlace& place) {
  if (dtype == Element::boolean) return launch<bool, bool, UnaryOp::logical_not>(loop, place);
  if (dtype <= Element::bf16) {
    return visit_floats(dtype, [&]<typename T>() { launch_float<T>(op, loop, place); });
  }
  visit_integers(dtype, [&]<typename T>() { launch_integer<T>(op, loop, place); });
}

}  // namespace paceline::kernels::cuda
