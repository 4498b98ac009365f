#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace paceline::kernels::cpu {

// Writes LLVM's text for operations on vectors of 16 floats, of 16 booleans (`<16 x i1>`) and of 16
// words. A value is its name in the text. Functions are those of simd_math-inl.h, with its errors.
class IrVectors {
 public:
  using Value = std::string;

  std::string text;  // Of the function so far.

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text += "  " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  template <typename... Args>
  Value define(fmt::format_string<Args...> format, Args&&... args) {
    Value name = fmt::format("%t{}", next_++);
    text += fmt::format("  {} = {}\n", name, fmt::format(format, std::forward<Args>(args)...));
    return name;
  }
  void label(std::string_view name) { text += fmt::format("{}:\n", name); }

  static Value number(float value) {
    return fmt::format("splat (float 0x{:016X})", std::bit_cast<std::uint64_t>(double{value}));
  }
  static Value word(std::int32_t value) { return fmt::format("splat (i32 {})", value); }
  static Value flag(bool value) { return value ? "splat (i1 true)" : "splat (i1 false)"; }

  // Products and sums may become one operation.
  Value add(const Value& a, const Value& b) { return floats2("fadd contract", a, b); }
  Value sub(const Value& a, const Value& b) { return floats2("fsub contract", a, b); }
  Value mul(const Value& a, const Value& b) { return floats2("fmul contract", a, b); }
  Value div(const Value& a, const Value& b) { return floats2("fdiv", a, b); }
  Value neg(const Value& x) { return define("fneg <16 x float> {}", x); }
  Value fma(const Value& a, const Value& b, const Value& c) {
    return define(
        "call <16 x float> @llvm.fma.v16f32(<16 x float> {}, <16 x float> {}, <16 x float> {})", a,
        b, c);
  }
  // "fabs", "sqrt", "floor", "ceil", "roundeven".
  Value intrinsic(std::string_view name, const Value& x) {
    return define("call <16 x float> @llvm.{}.v16f32(<16 x float> {})", name, x);
  }
  Value copysign(const Value& size, const Value& sign) {
    return define("call <16 x float> @llvm.copysign.v16f32(<16 x float> {}, <16 x float> {})", size,
                  sign);
  }
  // By a predicate of fcmp: "olt", "uno", ...
  Value compare(std::string_view predicate, const Value& a, const Value& b) {
    return define("fcmp {} <16 x float> {}, {}", predicate, a, b);
  }
  Value select(const Value& condition, const Value& a, const Value& b,
               std::string_view type = "float") {
    return define("select <16 x i1> {0}, <16 x {3}> {1}, <16 x {3}> {2}", condition, a, b, type);
  }
  Value flags(std::string_view op, const Value& a, const Value& b) {
    return define("{} <16 x i1> {}, {}", op, a, b);
  }
  Value words(std::string_view op, const Value& a, const Value& b) {
    return define("{} <16 x i32> {}, {}", op, a, b);
  }
  Value bits(const Value& x) { return define("bitcast <16 x float> {} to <16 x i32>", x); }
  Value floats(const Value& words) {
    return define("bitcast <16 x i32> {} to <16 x float>", words);
  }
  Value numbers_of(const Value& flags) {
    return define("uitofp <16 x i1> {} to <16 x float>", flags);
  }

  // NaN wins.
  Value larger(const Value& a, const Value& b) { return extreme("ogt", a, b); }
  Value smaller(const Value& a, const Value& b) { return extreme("olt", a, b); }

  Value clamp(const Value& x, float low, float high) {
    const Value from = select(compare("olt", x, number(low)), number(low), x);
    return select(compare("ogt", from, number(high)), number(high), from);
  }
  // coefficients[0] * x^(n-1) + ... + coefficients[n-1].
  Value polynomial(const Value& x, std::initializer_list<float> coefficients) {
    Value sum;
    for (const float c : coefficients) sum = sum.empty() ? number(c) : fma(sum, x, number(c));
    return sum;
  }

  // e^x to 1.1 ulp: Cephes' expf; the scale is applied in two halves, each of them in range. What
  // is 0 is never computed: results that underflow take a hundred times as long.
  Value exponential(const Value& x) {
    const Value is_zero = compare("olt", x, number(-104));
    const Value low = select(is_zero, number(0), x);
    const Value bounded = select(compare("ogt", low, number(89)), number(89), low);
    const Value n = intrinsic("roundeven", mul(bounded, number(1.44269504f)));
    Value r = fma(n, number(-0.693359375f), bounded);
    r = fma(n, number(2.12194440e-4f), r);
    const Value tail = polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                      4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f});
    const Value power = add(fma(mul(r, r), tail, r), number(1));
    // NaN converts to anything, and stays NaN in the product.
    const Value exponent =
        define("freeze <16 x i32> {}", define("fptosi <16 x float> {} to <16 x i32>", n));
    const Value half = words("ashr", exponent, word(1));
    const Value rest = words("sub", exponent, half);
    const Value result = mul(mul(power, power_of_two(half)), power_of_two(rest));
    return select(is_zero, number(0), result);
  }

  // log(x) by Cephes' logf.
  Value logarithm(const Value& x) {
    const Value is_small = compare("olt", x, number(0x1p-126f));
    const Value normal = select(is_small, mul(x, number(0x1p23f)), x);
    // Mantissas in [sqrt(1/2), sqrt(2)).
    const Value shifted = words("sub", bits(normal), word(0x3f3504f3));
    const Value exponent = words("ashr", shifted, word(23));
    const Value mantissa =
        floats(words("add", words("and", shifted, word(0x007fffff)), word(0x3f3504f3)));
    const Value e = sub(define("sitofp <16 x i32> {} to <16 x float>", exponent),
                        select(is_small, number(23), number(0)));
    const Value z = sub(mantissa, number(1));
    const Value square = mul(z, z);
    const Value tail = polynomial(z, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                                      -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                                      2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
    Value y = mul(mul(tail, z), square);
    y = fma(e, number(-2.12194440e-4f), y);
    y = fma(square, number(-0.5f), y);
    const Value finite = fma(e, number(0.693359375f), add(z, y));
    constexpr float infinity = __builtin_inff();
    const Value is_special =
        flags("or", compare("ueq", x, number(infinity)), compare("ole", x, number(0)));
    const Value special =
        select(compare("oeq", x, number(0)), number(-infinity),
               select(compare("olt", x, number(0)), number(__builtin_nanf("")), x));
    return select(is_special, special, finite);
  }

  // tanh(x) to 1.6 ulp.
  Value hyperbolic_tangent(const Value& x) {
    const Value size = intrinsic("fabs", x), square = mul(x, x);
    const Value tail =
        polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                            1.33314422036e-1f, -3.33332819422e-1f});
    const Value near = fma(mul(tail, square), x, x);
    const Value power = exponential(add(size, size));
    const Value far = sub(number(1), div(number(2), add(power, number(1))));
    return copysign(select(compare("olt", size, number(0.625f)), near, far), x);
  }

  // erf(x) to 1.5 ulp.
  Value error_function(const Value& x) {
    const Value size = clamp(intrinsic("fabs", x), 0.0f, 4.0f);
    const Value square = mul(size, size);
    const Value near_tail = polynomial(square, {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f,
                                                1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f});
    const Value near = fma(near_tail, x, x);
    const Value logarithm =
        polynomial(size, {-1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f,
                          -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f});
    const Value far = sub(number(1), exponential(sub(mul(logarithm, size), size)));
    return select(compare("ogt", size, number(0.927734375f)), copysign(far, x), near);
  }

  Value sigmoid(const Value& x) { return div(number(1), add(number(1), exponential(neg(x)))); }
  Value gelu(const Value& x) {
    const Value share = error_function(mul(x, number(0.70710678f)));
    return mul(mul(x, number(0.5f)), add(number(1), share));
  }
  Value gelu_tanh(const Value& x) {
    const Value cubic = fma(mul(number(0.044715f), mul(x, x)), x, x);
    const Value share = hyperbolic_tangent(mul(number(0.79788456f), cubic));
    return mul(mul(x, number(0.5f)), add(number(1), share));
  }

  // To nearest, ties to even, as <16 x i16>; NaN gets its quiet bit.
  Value brain_halves(const Value& x) {
    const Value all = bits(x);
    const Value upper = words("lshr", all, word(16));
    const Value odd = words("and", upper, word(1));
    const Value rounded =
        words("lshr", words("add", words("add", all, word(0x7fff)), odd), word(16));
    const Value quiet = words("or", upper, word(0x40));
    const Value kept = select(compare("uno", x, x), quiet, rounded, "i32");
    return define("trunc <16 x i32> {} to <16 x i16>", kept);
  }
  Value of_brain_halves(const Value& halves) {
    const Value wide = define("zext <16 x i16> {} to <16 x i32>", halves);
    return floats(words("shl", wide, word(16)));
  }
  Value halves(const Value& x) {
    const Value half = define("fptrunc <16 x float> {} to <16 x half>", x);
    return define("bitcast <16 x half> {} to <16 x i16>", half);
  }
  Value of_halves(const Value& halves) {
    const Value half = define("bitcast <16 x i16> {} to <16 x half>", halves);
    return define("fpext <16 x half> {} to <16 x float>", half);
  }

 private:
  Value floats2(std::string_view op, const Value& a, const Value& b) {
    return define("{} <16 x float> {}, {}", op, a, b);
  }
  Value extreme(std::string_view predicate, const Value& a, const Value& b) {
    return select(flags("or", compare("uno", a, a), compare(predicate, a, b)), a, b);
  }
  Value power_of_two(const Value& exponent) {
    return floats(words("shl", words("add", exponent, word(127)), word(23)));
  }

  int next_ = 0;
};

}  // namespace paceline::kernels::cpu
