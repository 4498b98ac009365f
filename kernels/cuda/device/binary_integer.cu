#include "kernels/cuda/device/binary.h"
#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

__device__ __noinline__ std::int64_t any_integer(BinaryOp op, std::int64_t a, std::int64_t b,
                                                 const FaultPlace& fault) {
  switch (op) {
#define X(name)        \
  case BinaryOp::name: \
    return binary<BinaryOp::name>(a, b, fault);
    PACELINE_INTEGER_BINARY(X)
#undef X
    default:
      return a;
  }
}

template <typename T>
struct AnyInteger {
  BinaryOp op;
  FaultPlace fault;
  __device__ __forceinline__ T operator()(T a, T b) const {
    return static_cast<T>(any_integer(op, a, b, fault));
  }
};

template <typename T>
struct AnyComparison {
  BinaryOp op;
  __device__ bool operator()(T a, T b) const {
    switch (op) {
#define X(name)        \
  case BinaryOp::name: \
    return binary<BinaryOp::name>(widen(a), widen(b), FaultPlace{});
      PACELINE_COMPARISON(X)
#undef X
      default:
        return false;
    }
  }
};

struct AnyLogical {
  BinaryOp op;
  __device__ bool operator()(bool a, bool b) const {
    switch (op) {
      case BinaryOp::logical_and:
        return a && b;
      case BinaryOp::logical_or:
        return a || b;
      default:
        return a != b;
    }
  }
};

}  // namespace

void launch_integer_binary(BinaryOp op, Element dtype, const Loop<3>& loop,
                           const LaunchPlace& place) {
  visit_integers(dtype, [&]<typename T>() {
    const AnyInteger<T> f{op, {static_cast<Fault*>(place.fault), place.step}};
    launch_map<T, T, T, Nothing, false>(loop, f, f, place);
  });
}

void launch_comparison(BinaryOp op, Element dtype, const Loop<3>& loop, const LaunchPlace& place) {
  if (op >= BinaryOp::logical_and) {
    return launch_map<bool, bool, bool>(loop, AnyLogical{op}, AnyLogical{op}, place);
  }
  visit_all(dtype, [&]<typename T>() {
    launch_map<bool, T, T>(loop, AnyComparison<T>{op}, AnyComparison<T>{op}, place);
  });
}

void launch_binary(BinaryOp op, Element dtype, const Loop<3>& loop, const LaunchPlace& place) {
  if (dtype <= Element::bf16) return launch_float_binary(op, dtype, loop, place);
  launch_integer_binary(op, dtype, loop, place);
}

}  // namespace paceline::kernels::cuda
