#include "kernels/cuda/device/binary.h"
#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

template <BinaryOp op, typename T>
struct Binary {
  __device__ __forceinline__ T operator()(T a, T b) const {
    const auto x = widen(a), y = widen(b);
    if constexpr (is_half<T> && op == BinaryOp::gated_silu) {
      return narrow<T>(x * sigmoid_for_halves(x) * y);
    } else if constexpr (is_half<T> && op == BinaryOp::gated_gelu_tanh) {
      // (1 + tanh(u)) / 2 is the sigmoid of 2 u.
      const float u = 1.59576912160573071176f * (x + 0.044715f * x * x * x);
      return narrow<T>(x * sigmoid_for_halves(u) * y);
    } else {
      return narrow<T>(binary<op>(x, y, FaultPlace{}));
    }
  }
};

// One copy of all functions, for those that are not worth a kernel of their own: the choice is the
// same for all threads.
template <typename T>
__device__ __noinline__ T any_float(BinaryOp op, T a, T b) {
  switch (op) {
#define X(name)        \
  case BinaryOp::name: \
    return binary<BinaryOp::name>(a, b, FaultPlace{});
    PACELINE_FLOAT_BINARY(X)
#undef X
    default:
      return a;
  }
}

template <typename T>
struct AnyFloat {
  BinaryOp op;
  __device__ __forceinline__ T operator()(T a, T b) const {
    return narrow<T>(any_float(op, widen(a), widen(b)));
  }
};

template <typename T>
void launch(BinaryOp op, const Loop<3>& loop, const LaunchPlace& place) {
  const AnyFloat<T> any{op};
  if constexpr (sizeof(T) <= 4) {
    switch (op) {
#define X(name)        \
  case BinaryOp::name: \
    return launch_map<T, T, T>(loop, Binary<BinaryOp::name, T>{}, any, place);
      X(add)
      X(sub)
      X(mul) X(div) X(gated_silu) X(gated_gelu) X(gated_gelu_tanh)
#undef X
          default : break;
    }
  }
  launch_map<T, T, T>(loop, any, any, place);
}

}  // namespace

void launch_float_binary(BinaryOp op, Element dtype, const Loop<3>& loop,
                         const LaunchPlace& place) {
  visit_floats(dtype, [&]<typename T>() { launch<T>(op, loop, place); });
}

}  // namespace paceline::kernels::cuda
