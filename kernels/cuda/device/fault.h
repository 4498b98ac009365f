#pragma once

#include <cstdint>

namespace paceline::kernels::cuda {

// DataFault's fields; kernels/cuda/support/faults.h checks that they agree.
struct Fault {
  std::int32_t kind, step;
  std::int64_t value, low, high;
};
enum FaultKind : std::int32_t {
  fault_outside = 1,
  fault_division = 2,
  fault_shift = 3,
  fault_empty = 4
};

// Where a kernel reports what it cannot process. The first report stays.
struct FaultPlace {
  Fault* fault;
  std::int32_t step;

#ifdef __CUDACC__
  __device__ void report(std::int32_t kind, std::int64_t value = 0, std::int64_t low = 0,
                         std::int64_t high = 0) const {
    if (fault == nullptr || atomicCAS(&fault->kind, 0, kind) != 0) return;
    fault->step = step;
    fault->value = value;
    fault->low = low;
    fault->high = high;
  }
  // Whether an index lies in [0, extent); reports one that does not.
  __device__ bool is_within(std::int64_t index, std::int64_t extent) const {
    if (index >= 0 && index < extent) return true;
    report(fault_outside, index, 0, extent);
    return false;
  }
#endif
};

}  // namespace paceline::kernels::cuda
