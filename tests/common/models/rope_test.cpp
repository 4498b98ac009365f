#include "common/models/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/error.h"

namespace paceline {
namespace {

using testing::HasSubstr;

Rope read(std::string_view text, std::int64_t head_dim = 8) {
  return read_rope(Config::parse(text, "config.json"), "full_attention", head_dim, 10000);
}

std::vector<float> frequencies(const Rope& rope) {
  return std::get<Rope::Fixed>(rope.kind).frequencies;
}

std::string refusal(std::string_view text, std::int64_t head_dim = 8) {
  try {
    read(text, head_dim);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Rope, SpellsOldAndNewAlike) {
  const Rope old = read(R"({"rope_theta":500,"rope_scaling":{"type":"linear","factor":4}})");

  EXPECT_EQ(old, read(R"({"rope_theta":500,"rope_scaling":{"rope_type":"linear","factor":4.0}})"));
  EXPECT_EQ(old, read(R"({"rope_parameters":{"rope_theta":500,"rope_type":"linear","factor":4}})"));
  EXPECT_EQ(old, read(R"({"rope_parameters":{"full_attention":
      {"rope_theta":500,"rope_type":"linear","factor":4},"sliding_attention":{}}})"));
}

TEST(Rope, LowersTheFrequencyFromPairToPair) {
  const std::vector<float> plain = frequencies(read("{}"));

  ASSERT_EQ(plain.size(), 4u);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_FLOAT_EQ(plain[i], std::pow(10000.0, -static_cast<double>(i) / 4));
  }
}

TEST(Rope, DividesFrequenciesWhenLinear) {
  const auto linear = frequencies(read(R"({"rope_scaling":{"type":"linear","factor":4}})"));
  EXPECT_FLOAT_EQ(linear[1], 0.1f / 4);
}

TEST(Rope, SlowsDownOnlyLongWavesForLlama3) {
  const auto scaled = frequencies(read(R"({"rope_scaling":{"rope_type":"llama3","factor":8,
      "low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":256}})"));

  EXPECT_FLOAT_EQ(scaled[0], 1.0f);                        // Wave of 6 positions, below 256 / 4.
  EXPECT_FLOAT_EQ(scaled[3], 0.001f / 8);                  // Wave of 6283, above 256.
  const double smooth = (256 / (2 * M_PI / 0.1) - 1) / 3;  // Wave of 63, just short.
  EXPECT_FLOAT_EQ(scaled[1], 2 * M_PI / 0.1 < 64 ? 0.1 : (1 - smooth) * 0.1 / 8 + smooth * 0.1);
}

TEST(Rope, BlendsAndScalesForYarn) {
  const Rope yarn = read(R"({"rope_scaling":{"rope_type":"yarn","factor":4,
      "original_max_position_embeddings":64},"max_position_embeddings":256})");

  EXPECT_DOUBLE_EQ(yarn.attention_factor, 0.1 * std::log(4.0) + 1);
  EXPECT_FLOAT_EQ(frequencies(yarn)[0], 1.0f);
  EXPECT_FLOAT_EQ(frequencies(yarn)[3], 0.001f / 4);
}

TEST(Rope, TakesYarnsMscales) {
  const Rope yarn = read(R"({"rope_scaling":{"type":"yarn","factor":40,"mscale":1,
      "mscale_all_dim":0.5,"original_max_position_embeddings":64}})");

  EXPECT_DOUBLE_EQ(yarn.attention_factor, (0.1 * std::log(40.0) + 1) / (0.05 * std::log(40.0) + 1));
}

TEST(Rope, KeepsBothSetsOfLongRope) {
  const Rope rope = read(R"({"rope_scaling":{"type":"longrope","short_factor":[1,1,1,1],
      "long_factor":[1,2,4,8]},"original_max_position_embeddings":64,
      "max_position_embeddings":256})");

  const auto& kind = std::get<Rope::Long>(rope.kind);
  EXPECT_FLOAT_EQ(kind.frequencies[1], 0.1f);
  EXPECT_FLOAT_EQ(kind.long_frequencies[1], 0.05f);
  EXPECT_DOUBLE_EQ(rope.attention_factor, std::sqrt(1 + std::log(4.0) / std::log(64.0)));
  EXPECT_EQ(rope.original_length, 64);
}

TEST(Rope, RotatesAPartOfTheHead) {
  EXPECT_EQ(read(R"({"partial_rotary_factor":0.5})").rotary_dim, 4);
  EXPECT_EQ(read(R"({"rope_parameters":{"rope_type":"default","partial_rotary_factor":0.75}})", 16)
                .rotary_dim,
            12);
}

TEST(Rope, RefusesWhatItCannotRead) {
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"spiral"}})"),
              HasSubstr("one of default, linear, dynamic, llama3, yarn, longrope: spiral"));
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"linear"}})"), HasSubstr("missing: factor"));
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"linear","factor":-1}})"), HasSubstr("above 0"));
  EXPECT_THAT(
      refusal(R"({"rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[1]}})"),
      HasSubstr("each of 4 rotated pairs: 1"));
  EXPECT_THAT(refusal(R"({"partial_rotary_factor":2})"), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(refusal("{}", 7), HasSubstr("a head's 7 elements"));
  EXPECT_THAT(refusal(R"({"rope_scaling":{"type":"dynamic","factor":2}})", 2),
              HasSubstr("more than 2 rotated elements"));
}

}  // namespace
}  // namespace paceline
