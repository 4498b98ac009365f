#include "common/ops/block_format.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/graph/half.h"
#include "common/graph/reference.h"
#include "common/ops/all_ops.h"

// Blocks are packed here from codes and scales that the test draws, as GGML's definition of each
// format says, and must read as the formula says.
namespace paceline::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

Tensor run(const char* name, const std::vector<Tensor>& inputs, Attributes attributes) {
  const Op& op = all_ops().get(name);
  attributes = attributes.complete(op.name, op.attributes);
  std::vector<TensorType> types;
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    types.push_back({input.dtype(), Shape(input.extents().begin(), input.extents().end())});
    wide.push_back(to_reference(input));
  }
  return evaluate_reference(op, wide, attributes, infer_types(op, types, attributes))[0];
}

std::vector<double> dequantized(const char* format, const Bytes& bytes) {
  const auto count = static_cast<std::int64_t>(bytes.size());
  return run("dequantize", {Tensor::of<std::uint8_t>({count}, bytes)},
             {{"format", std::string(format)}})
      .to_doubles();
}

void put_half(Bytes& bytes, std::size_t at, float value) {
  const Float16 half(value);
  bytes[at] = static_cast<std::uint8_t>(half.bits & 255);
  bytes[at + 1] = static_cast<std::uint8_t>(half.bits >> 8);
}

// What a block is made of, drawn at random.
struct Drawn {
  float scale, minimum;
  std::vector<int> codes, scales, minima;

  Drawn(Random& random, int elements, int code_bits, int groups, int scale_bits)
      : scale(static_cast<float>(Float16(random.uniform(-0.1, 0.1)))),
        minimum(static_cast<float>(Float16(random.uniform(-0.1, 0.1)))) {
    const auto draw = [&](std::vector<int>& to, int count, int bits) {
      for (int i = 0; i < count; ++i) to.push_back(static_cast<int>(random.below(1 << bits)));
    };
    draw(codes, elements, code_bits);
    draw(scales, groups, scale_bits);
    draw(minima, groups, scale_bits);
  }
};

// 4 bits: the first half of each run of `run` codes in low halves, the second in high ones.
void pack_nibbles(const std::vector<int>& codes, int run, std::uint8_t* to) {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t half = static_cast<std::size_t>(run) / 2, place = i % run;
    to[i / run * half + place % half] |=
        static_cast<std::uint8_t>((codes[i] & 15) << (place < half ? 0 : 4));
  }
}

void pack_sixes(const Drawn& drawn, std::uint8_t* to) {
  for (int j = 0; j < 8; ++j) {
    const int scale = drawn.scales[j], minimum = drawn.minima[j];
    if (j < 4) {
      to[j] |= static_cast<std::uint8_t>(scale);
      to[j + 4] |= static_cast<std::uint8_t>(minimum);
    } else {
      to[j + 4] = static_cast<std::uint8_t>((scale & 15) | (minimum & 15) << 4);
      to[j - 4] |= static_cast<std::uint8_t>(scale >> 4 << 6);
      to[j] |= static_cast<std::uint8_t>(minimum >> 4 << 6);
    }
  }
}

struct Packed {
  Bytes bytes;
  std::function<double(int)> element;
};

Packed small_block(Random& random, const char* name) {
  const std::string format = name;
  const bool has_minimum = format.ends_with("_1"), has_fifth = format.starts_with("q5");
  const Drawn d(random, 32, has_fifth ? 5 : 4, 1, 1);
  Bytes bytes(static_cast<std::size_t>(2 + 2 * has_minimum + 4 * has_fifth + 16));
  put_half(bytes, 0, d.scale);
  if (has_minimum) put_half(bytes, 2, d.minimum);
  const std::size_t after = has_minimum ? 4 : 2;
  for (int i = 0; i < 32 && has_fifth; ++i) {
    bytes[after + i / 8] |= static_cast<std::uint8_t>(d.codes[i] >> 4 << i % 8);
  }
  pack_nibbles(d.codes, 32, bytes.data() + after + 4 * has_fifth);
  const int zero = has_minimum ? 0 : has_fifth ? 16 : 8;
  return {bytes, [=](int i) {
            return static_cast<double>(d.scale) * (d.codes[i] - zero) +
                   (has_minimum ? static_cast<double>(d.minimum) : 0.0);
          }};
}

Packed q8_0(Random& random) {
  const Drawn d(random, 32, 8, 1, 1);
  Bytes bytes(34);
  put_half(bytes, 0, d.scale);
  for (int i = 0; i < 32; ++i) bytes[2 + i] = static_cast<std::uint8_t>(d.codes[i] - 128);
  return {bytes, [=](int i) { return static_cast<double>(d.scale) * (d.codes[i] - 128); }};
}

// The 2 bits of codes from `bit` on, four to a byte: 32 bytes hold 128 codes in runs of 32.
void pack_pairs(const std::vector<int>& codes, int bit, std::uint8_t* to) {
  for (int i = 0; i < 256; ++i) {
    to[i / 128 * 32 + i % 32] |=
        static_cast<std::uint8_t>((codes[i] >> bit & 3) << 2 * (i % 128 / 32));
  }
}

Packed q2_k(Random& random) {
  const Drawn d(random, 256, 2, 16, 4);
  Bytes bytes(84);
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(d.scales[i] | d.minima[i] << 4);
  pack_pairs(d.codes, 0, bytes.data() + 16);
  put_half(bytes, 80, d.scale);
  put_half(bytes, 82, d.minimum);
  return {bytes, [=](int i) {
            return static_cast<double>(d.scale) * d.scales[i / 16] * d.codes[i] -
                   static_cast<double>(d.minimum) * d.minima[i / 16];
          }};
}

Packed q3_k(Random& random) {
  const Drawn d(random, 256, 3, 16, 6);
  Bytes bytes(110);
  for (int i = 0; i < 256; ++i) {
    bytes[i % 32] |= static_cast<std::uint8_t>(d.codes[i] >> 2 << i / 32);
  }
  pack_pairs(d.codes, 0, bytes.data() + 32);
  for (int j = 0; j < 16; ++j) {
    bytes[96 + j % 8] |= static_cast<std::uint8_t>((d.scales[j] & 15) << (j < 8 ? 0 : 4));
    bytes[104 + j % 4] |= static_cast<std::uint8_t>(d.scales[j] >> 4 << 2 * (j / 4));
  }
  put_half(bytes, 108, d.scale);
  return {bytes, [=](int i) {
            return static_cast<double>(d.scale) * (d.scales[i / 16] - 32) * (d.codes[i] - 4);
          }};
}

Packed of_sixes(Random& random, bool has_fifth) {
  const Drawn d(random, 256, has_fifth ? 5 : 4, 8, 6);
  Bytes bytes(has_fifth ? 176 : 144);
  put_half(bytes, 0, d.scale);
  put_half(bytes, 2, d.minimum);
  pack_sixes(d, bytes.data() + 4);
  for (int i = 0; i < 256 && has_fifth; ++i) {
    bytes[16 + i % 32] |= static_cast<std::uint8_t>(d.codes[i] >> 4 << i / 32);
  }
  pack_nibbles(d.codes, 64, bytes.data() + (has_fifth ? 48 : 16));
  return {bytes, [=](int i) {
            return static_cast<double>(d.scale) * d.scales[i / 32] * d.codes[i] -
                   static_cast<double>(d.minimum) * d.minima[i / 32];
          }};
}

Packed q6_k(Random& random) {
  const Drawn d(random, 256, 6, 16, 8);
  Bytes bytes(210);
  pack_pairs(d.codes, 4, bytes.data() + 128);
  for (int i = 0; i < 256; ++i) {
    const int place = i % 128;
    bytes[i / 128 * 64 + place % 64] |=
        static_cast<std::uint8_t>((d.codes[i] & 15) << (place < 64 ? 0 : 4));
  }
  for (int j = 0; j < 16; ++j) bytes[192 + j] = static_cast<std::uint8_t>(d.scales[j] - 128);
  put_half(bytes, 208, d.scale);
  return {bytes, [=](int i) {
            return static_cast<double>(d.scale) * (d.scales[i / 16] - 128) * (d.codes[i] - 32);
          }};
}

Packed iq4_nl(Random& random) {
  constexpr int values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                              1,    13,   25,  38,  53,  69,  89,  113};
  const Drawn d(random, 32, 4, 1, 1);
  Bytes bytes(18);
  put_half(bytes, 0, d.scale);
  pack_nibbles(d.codes, 32, bytes.data() + 2);
  return {bytes, [=](int i) { return static_cast<double>(d.scale) * values[d.codes[i]]; }};
}

Packed packed(Random& random, std::string_view name) {
  if (name == "q8_0") return q8_0(random);
  if (name == "q2_k") return q2_k(random);
  if (name == "q3_k") return q3_k(random);
  if (name == "q4_k") return of_sixes(random, false);
  if (name == "q5_k") return of_sixes(random, true);
  if (name == "q6_k") return q6_k(random);
  if (name == "iq4_nl") return iq4_nl(random);
  return small_block(random, std::string(name).c_str());
}

TEST(Blocks, ReadAsTheirFormulaSays) {
  Random random(7);
  for (const BlockFormat& format : block_formats) {
    SCOPED_TRACE(format.name);
    for (int round = 0; round < 20; ++round) {
      const Packed block = packed(random, format.name);
      ASSERT_EQ(static_cast<std::int64_t>(block.bytes.size()), format.bytes);
      const auto elements = dequantized(std::string(format.name).c_str(), block.bytes);
      ASSERT_EQ(static_cast<std::int64_t>(elements.size()), format.elements);
      for (int i = 0; i < format.elements; ++i) {
        ASSERT_EQ(elements[i], static_cast<float>(block.element(i))) << i;
      }
    }
  }
}

TEST(Blocks, HaveScalesOfEveryKindOfHalf) {
  for (const float scale : {0.0f, -0.0f, 0x1p-24f, -0x1.8p-20f, 0x1p-14f, 65504.0f, INFINITY}) {
    Bytes bytes(34, 1);
    put_half(bytes, 0, scale);
    EXPECT_EQ(dequantized("q8_0", bytes)[0], scale);
  }
  Bytes bytes(34, 1);
  put_half(bytes, 0, NAN);
  EXPECT_TRUE(std::isnan(dequantized("q8_0", bytes)[0]));
}

TEST(Quantize, GivesTheBytesOfTheDefinition) {
  std::vector<float> x(32);
  std::iota(x.begin(), x.end(), -16.0f);
  const auto bytes_of = [&](const char* format) {
    const Tensor out =
        run("quantize", {Tensor::of<float>({32}, x)}, {{"format", std::string(format)}});
    const auto wide = out.to_doubles();
    return std::vector<int>(wide.begin(), wide.end());
  };
  // 16 / 127 = 0.126: 0x3008 as a half; -16 becomes -127.
  const std::vector<int> eight = bytes_of("q8_0");
  EXPECT_EQ(eight[0] | eight[1] << 8, 0x3008);
  EXPECT_EQ(eight[2], 256 - 127);
  EXPECT_EQ(eight[2 + 16], 0);
  EXPECT_EQ(eight[2 + 17], 8);  // 1 / 0.126 = 7.9
  EXPECT_EQ(eight[2 + 31], 119);
  // -16 / -8 = 2; x / 2 + 8.5, cut off, at most 15: -16 is 0, 0 is 8, 15 is 15 and 16 -> 15.
  const std::vector<int> four = bytes_of("q4_0");
  EXPECT_EQ(four[0] | four[1] << 8, 0x4000);
  EXPECT_EQ(four[2], 0 | 8 << 4);
  EXPECT_EQ(four[2 + 1], 1 | 9 << 4);  // -15 / 2 + 8.5 = 1, 1 / 2 + 8.5 = 9
  EXPECT_EQ(four[2 + 15], 8 | 15 << 4);
}

// One over such a scale is infinite; the scale itself is 0 as a half.
TEST(Quantize, TakesElementsTooSmallForAScaleAsZeros) {
  std::vector<float> x(32, 1e-40f);
  x[3] = -3e-40f;
  const auto codes_of = [&](const char* format) {
    std::vector<double> bytes =
        run("quantize", {Tensor::of<float>({32}, x)}, {{"format", std::string(format)}})
            .to_doubles();
    for (int i = 0; i < 2; ++i) EXPECT_THAT(static_cast<int>(bytes[i]) & (i == 0 ? 255 : 127), 0);
    return std::vector<double>(bytes.begin() + 2, bytes.end());
  };
  EXPECT_THAT(codes_of("q8_0"), testing::Each(0));
  EXPECT_THAT(codes_of("q4_0"), testing::Each(8 | 8 << 4));
}

TEST(Quantize, LosesNoMoreThanHalfAStep) {
  Random random(3);
  std::vector<float> x(320);
  for (float& element : x) element = static_cast<float>(random.normal());
  for (const auto& [format, error_max] : {std::pair("q8_0", 0.008), std::pair("q4_0", 0.12)}) {
    const Tensor given = Tensor::of<float>({320}, x);
    const Attributes attributes{{"format", std::string(format)}};
    const Tensor blocks = run("quantize", {given}, attributes).cast(Dtype::u8);
    const Tensor back = run("dequantize", {blocks}, attributes);
    EXPECT_LT(compare(back.view(), given.view()).relative, error_max) << format;
    EXPECT_GT(compare(back.view(), given.view()).relative, error_max / 8) << format;
  }
}

TEST(Quantize, KeepsWhatIsNoNumberFromPassingForOne) {
  for (const char* format : {"q8_0", "q4_0"}) {
    for (const float wild : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> x(32, 1.0f);
      x[5] = wild;
      const Attributes attributes{{"format", std::string(format)}};
      const Tensor blocks = run("quantize", {Tensor::of<float>({32}, x)}, attributes);
      EXPECT_FALSE(
          std::isfinite(run("dequantize", {blocks.cast(Dtype::u8)}, attributes).to_doubles()[5]));
    }
  }
}

// What inference says of operands of these types.
std::string refusal(const char* name, const std::vector<TensorType>& types, Attributes attributes) {
  const Op& op = all_ops().get(name);
  try {
    infer_types(op, types, attributes.complete(op.name, op.attributes));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "accepted";
}

TEST(Blocks, AreRefusedWithWhatIsWrong) {
  const Attributes q8{{"format", std::string("q8_0")}};
  EXPECT_THAT(refusal("dequantize", {{Dtype::u8, {33}}}, q8), HasSubstr("whole blocks of q8_0"));
  EXPECT_THAT(refusal("dequantize", {{Dtype::f32, {34}}}, q8), HasSubstr("u8"));
  EXPECT_THAT(refusal("dequantize", {{Dtype::u8, {34}}}, {{"format", std::string("q9_9")}}),
              HasSubstr("one of q4_0, q4_1"));
  EXPECT_THAT(refusal("dequantize", {{Dtype::u8, {Dim::symbol("N")}}}, q8),
              HasSubstr("whole blocks"));
  EXPECT_THAT(refusal("quantize", {{Dtype::f32, {33}}}, q8), HasSubstr("32 elements"));
  EXPECT_THAT(refusal("quantize", {{Dtype::f32, {256}}}, {{"format", std::string("q4_k")}}),
              HasSubstr("q8_0 or q4_0"));
  const TensorType x{Dtype::f32, {3, 64}}, blocks{Dtype::u8, {5, 68}};
  EXPECT_THAT(refusal("linear_quantized", {x, {Dtype::u8, {5, 34}}}, q8), HasSubstr("inner"));
  EXPECT_THAT(refusal("linear_quantized", {x, {Dtype::u8, {68}}}, q8), HasSubstr("2 axes"));
  EXPECT_THAT(refusal("linear_quantized", {x, blocks, {Dtype::f32, {4}}}, q8), HasSubstr("bias"));
  EXPECT_THAT(refusal("linear_quantized", {x, blocks, {Dtype::f16, {5}}}, q8), HasSubstr("bias"));
  EXPECT_EQ(refusal("linear_quantized", {x, blocks, {Dtype::f32, {5}}}, q8), "accepted");
}

}  // namespace
}  // namespace paceline::ops
