#include "kernels/cuda/device/elementwise.h"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

template <typename T>
struct Select {
  __device__ __forceinline__ T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
};

}  // namespace

void launch_where(std::int32_t element_bytes, const Loop<4>& loop, const LaunchPlace& place) {
  visit_bytes(element_bytes, [&]<typename T>() {
    launch_map<T, bool, T, T>(loop, Select<T>{}, Select<T>{}, place);
  });
}

}  // namespace paceline::kernels::cuda
