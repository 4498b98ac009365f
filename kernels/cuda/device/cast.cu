#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/elementwise.h"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

template <typename To, typename From>
struct Cast {
  __device__ __forceinline__ To operator()(From x) const { return convert<To>(x); }
};

}  // namespace

void launch_cast(Element from, Element to, const Loop<2>& loop, const LaunchPlace& place) {
  visit_all(from, [&]<typename From>() {
    visit_all(to, [&]<typename To>() {
      const Cast<To, From> f;
      // Models cast between floats; the rest is not worth the code.
      constexpr bool is_common = is_float<From> && is_float<To> && sizeof(From) + sizeof(To) <= 8;
      launch_map<To, From, Nothing, Nothing, is_common>(loop, f, f, place);
    });
  });
}

}  // namespace paceline::kernels::cuda
