#pragma once

// What the text of every generated kernel begins with, behind its type C (float or double) and its
// numbers. It includes nothing: nvrtc alone compiles it. FusedArguments is `Arguments` here, with
// strides of as many operands as there are.
namespace paceline::kernels::cuda {

inline constexpr const char* fused_prelude = R"cuda(
struct Arguments {
  void* data[24];
  long long count, pieces;
  long long extents[8];
  unsigned divisors[8], multipliers[8], shifts[8];
  long long strides[OPERANDS][8];
};
struct F16 { unsigned short bits; };
struct Bf16 { unsigned short bits; };
struct Bool { unsigned char bits; };
#define infinity ((C)__longlong_as_double(0x7ff0000000000000ll))
#define not_a_number ((C)__longlong_as_double(0x7ff8000000000000ll))
#define inline_ __device__ __forceinline__
// As in kernels/cuda/device/launch.cuh.
inline_ void wait_for_earlier() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
inline_ C widen(float x) { return (C)x; }
inline_ C widen(double x) { return (C)x; }
inline_ C widen(F16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return (C)y; }
inline_ C widen(Bf16 x) { return (C)__uint_as_float((unsigned)x.bits << 16); }
inline_ C widen(Bool x) { return x.bits ? (C)1 : (C)0; }
// float first where C is double: casts between the two kinds of programs do not meet.
template <typename T> struct Narrow;
template <> struct Narrow<float> { static inline_ float of(C x) { return (float)x; } };
template <> struct Narrow<double> { static inline_ double of(C x) { return (double)x; } };
template <> struct Narrow<F16> {
  static inline_ F16 of(C x) {
    F16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"((float)x)); return y;
  }
};
template <> struct Narrow<Bf16> {
  static inline_ Bf16 of(C x) {
    Bf16 y; asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"((float)x)); return y;
  }
};
template <> struct Narrow<Bool> {
  static inline_ Bool of(C x) { Bool y; y.bits = x != (C)0; return y; }
};
template <typename T> struct alignas(sizeof(T) * CHUNK) Chunk { T at[CHUNK]; };
template <typename T> inline_ void load_chunk(const T* from, Chunk<T>& to) {
  to = *(const Chunk<T>*)from;
}
// What is read once leaves L1 to what is read again. No other thread writes it.
template <typename T> inline_ void load_once(const T* from, Chunk<T>& to) {
  if constexpr (sizeof(Chunk<T>) == 16) {
    union { unsigned words[4]; Chunk<T> chunk; } loaded;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(loaded.words[0]), "=r"(loaded.words[1]), "=r"(loaded.words[2]),
                   "=r"(loaded.words[3]) : "l"(from));
    to = loaded.chunk;
  } else {
    to = *(const Chunk<T>*)from;
  }
}
template <typename T> inline_ void load_one(const T* from, Chunk<T>& to) {
  const T one = *from;
#pragma unroll
  for (int c = 0; c < CHUNK; ++c) to.at[c] = one;
}
template <typename T> inline_ void store(T* to, const Chunk<T>& from) { *(Chunk<T>*)to = from; }
inline_ unsigned quotient(unsigned n, unsigned multiplier, unsigned shift) {
  return (__umulhi(n, multiplier) + n) >> shift;
}
inline_ float e_exp(float x) { return expf(x); }
inline_ double e_exp(double x) { return exp(x); }
inline_ float e_log(float x) { return logf(x); }
inline_ double e_log(double x) { return log(x); }
inline_ float e_tanh(float x) { return tanhf(x); }
inline_ double e_tanh(double x) { return tanh(x); }
inline_ float e_erf(float x) { return erff(x); }
inline_ double e_erf(double x) { return erf(x); }
inline_ float e_sqrt(float x) { return sqrtf(x); }
inline_ double e_sqrt(double x) { return sqrt(x); }
inline_ float e_floor(float x) { return floorf(x); }
inline_ double e_floor(double x) { return floor(x); }
inline_ float e_ceil(float x) { return ceilf(x); }
inline_ double e_ceil(double x) { return ceil(x); }
inline_ float e_rint(float x) { return rintf(x); }
inline_ double e_rint(double x) { return rint(x); }
inline_ float e_abs(float x) { return fabsf(x); }
inline_ double e_abs(double x) { return fabs(x); }
inline_ C flag(bool holds) { return holds ? (C)1 : (C)0; }
inline_ C f_abs(C x) { return e_abs(x); }
inline_ C f_neg(C x) { return -x; }
inline_ C f_sign(C x) { return x > 0 ? (C)1 : x < 0 ? (C)-1 : x; }
inline_ C f_sqrt(C x) { return e_sqrt(x); }
inline_ C f_rsqrt(C x) { return 1 / e_sqrt(x); }
inline_ C f_exp(C x) { return e_exp(x); }
inline_ C f_log(C x) { return e_log(x); }
inline_ C f_tanh(C x) { return e_tanh(x); }
inline_ C f_erf(C x) { return e_erf(x); }
inline_ C f_floor(C x) { return e_floor(x); }
inline_ C f_ceil(C x) { return e_ceil(x); }
inline_ C f_round(C x) { return e_rint(x); }
inline_ C f_relu(C x) { return x < 0 ? (C)0 : x; }
inline_ C f_sigmoid(C x) { return 1 / (1 + e_exp(-x)); }
inline_ C f_silu(C x) { return x * f_sigmoid(x); }
inline_ C f_gelu_none(C x) { return x / 2 * (1 + e_erf(x * (C)0.70710678118654752440)); }
inline_ C f_gelu_tanh(C x) {
  return x / 2 * (1 + e_tanh((C)0.79788456080286535588 * (x + (C)0.044715 * x * x * x)));
}
inline_ C f_is_nan(C x) { return flag(x != x); }
inline_ C f_logical_not(C x) { return flag(x == 0); }
inline_ C f_cast_f64(C x) { return x; }
inline_ C f_cast_f32(C x) { return (C)(float)x; }
inline_ C f_cast_f16(C x) { return widen(Narrow<F16>::of(x)); }
inline_ C f_cast_bf16(C x) { return widen(Narrow<Bf16>::of(x)); }
inline_ C f_cast_bool(C x) { return flag(x != 0); }
inline_ C f_add(C a, C b) { return a + b; }
inline_ C f_sub(C a, C b) { return a - b; }
inline_ C f_mul(C a, C b) { return a * b; }
inline_ C f_div(C a, C b) { return a / b; }
inline_ C f_maximum(C a, C b) { return a > b || a != a ? a : b; }
inline_ C f_minimum(C a, C b) { return a < b || a != a ? a : b; }
inline_ C f_equal(C a, C b) { return flag(a == b); }
inline_ C f_not_equal(C a, C b) { return flag(a != b); }
inline_ C f_less(C a, C b) { return flag(a < b); }
inline_ C f_less_equal(C a, C b) { return flag(a <= b); }
inline_ C f_greater(C a, C b) { return flag(a > b); }
inline_ C f_greater_equal(C a, C b) { return flag(a >= b); }
inline_ C f_logical_and(C a, C b) { return a * b; }
inline_ C f_logical_or(C a, C b) { return a > b ? a : b; }
inline_ C f_logical_xor(C a, C b) { return flag(a != b); }
inline_ C f_where(C condition, C a, C b) { return condition != 0 ? a : b; }
#define start_reduce_sum 0.0
#define start_reduce_max (-infinity)
#define start_reduce_min infinity
inline_ double combine_reduce_sum(double a, double b) { return a + b; }
template <typename T> inline_ T combine_reduce_max(T a, T b) { return a > b || a != a ? a : b; }
template <typename T> inline_ T combine_reduce_min(T a, T b) { return a < b || a != a ? a : b; }
#define TEAM_OF(name)                                                            \
  template <typename T> inline_ T team_##name(T value) {                         \
    for (int step = 16; step > 0; step /= 2)                                     \
      value = combine_##name(value, __shfl_xor_sync(0xffffffffu, value, step));  \
    if (TEAM == 32) return value;                                                \
    __shared__ T partial[TEAM / 32];                                             \
    __syncthreads();                                                             \
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;                \
    __syncthreads();                                                             \
    value = partial[threadIdx.x % (TEAM / 32)];                                  \
    for (int step = TEAM / 64; step > 0; step /= 2)                              \
      value = combine_##name(value, __shfl_xor_sync(0xffffffffu, value, step));  \
    return value;                                                                \
  }
TEAM_OF(reduce_sum)
TEAM_OF(reduce_max)
TEAM_OF(reduce_min)
)cuda";

}  // namespace paceline::kernels::cuda
