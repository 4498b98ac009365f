#pragma once

#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {

// Elements that this kernel reads once, so that L1 has room for what it reads again. The thread
// that read them may write them.
template <typename T, int count>
__device__ __forceinline__ Vector<T, count> load_once(const T* from) {
  if constexpr (sizeof(Vector<T, count>) == 16) {
    union {
      uint4 words;
      Vector<T, count> elements;
    } loaded;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(loaded.words.x), "=r"(loaded.words.y), "=r"(loaded.words.z),
                   "=r"(loaded.words.w)
                 : "l"(from));
    return loaded.elements;
  } else {
    return *reinterpret_cast<const Vector<T, count>*>(from);
  }
}

}  // namespace paceline::kernels::cuda
