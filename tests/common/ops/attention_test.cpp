#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "common/ops/draw.h"
#include "tests/support/evaluate.h"

namespace paceline {
namespace {

using test::booleans;
using test::call;
using test::doubles;
using test::infer_text;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Extents of q[B,H,N,D], k[B,G,L,D] and v[B,G,L,E].
struct Sizes {
  std::int64_t b = 2, h = 4, g = 2, n = 3, l = 5, d = 8, e = 6;
};

struct Operands {
  Tensor q, k, v;
};

Tensor random_tensor(const Extents& extents, std::uint64_t seed) {
  Random random(seed);
  return ops::draw(Sample::Operand{Dtype::f64, extents}, random);
}

Operands draw_operands(const Sizes& s) {
  return {random_tensor({s.b, s.h, s.n, s.d}, 1), random_tensor({s.b, s.g, s.l, s.d}, 2),
          random_tensor({s.b, s.g, s.l, s.e}, 3)};
}

// What to add to the score of query i and key j of head h in batch b: 0, -infinity, or a mask.
using Bias = std::function<double(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j)>;

// Each head of k and v as often as heads of q read it.
Tensor repeat_heads(const Tensor& x, std::int64_t times) {
  const Extents& e = x.extents();
  const Tensor apart = call("reshape", {x}, {{"shape", Shape{e[0], e[1], 1, e[2], e[3]}}});
  const Tensor repeated =
      call("broadcast", {apart}, {{"shape", Shape{e[0], e[1], times, e[2], e[3]}}});
  return call("reshape", {repeated}, {{"shape", Shape{e[0], e[1] * times, e[2], e[3]}}});
}

// The textbook: every score of every head in one tensor, then the bias, then softmax.
Tensor attend(const Operands& in, const Sizes& s, double scale, double softcap, const Bias& bias) {
  const Tensor k = repeat_heads(in.k, s.h / s.g);
  const Tensor v = repeat_heads(in.v, s.h / s.g);
  const Tensor scores = call("matmul", {in.q, k}, {{"transpose_b", true}});
  double* score = scores.as<double>();
  for (std::int64_t b = 0; b < s.b; ++b) {
    for (std::int64_t h = 0; h < s.h; ++h) {
      for (std::int64_t i = 0; i < s.n; ++i) {
        for (std::int64_t j = 0; j < s.l; ++j, ++score) {
          *score *= scale;
          if (softcap > 0) *score = softcap * std::tanh(*score / softcap);
          *score += bias(b, h, i, j);
        }
      }
    }
  }
  return call("matmul", {call("softmax", {scores}), v});
}

double no_bias(std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return 0; }

void expect_close(const Tensor& out, const Tensor& expected) {
  EXPECT_LT(compare(out.view(), expected.view()).elementwise, 1e-12);
}

TEST(Attention, SharesHeadsOfKeysAmongNeighbouringHeadsOfQueries) {
  for (const std::int64_t groups : {1, 2, 4}) {
    const Sizes s{.g = groups};
    const Operands in = draw_operands(s);
    expect_close(call("attention", {in.q, in.k, in.v}, {{"scale", 0.3}}),
                 attend(in, s, 0.3, 0, no_bias));
  }
}

TEST(Attention, AlignsTheLastQueryWithTheLastKeyWhenCausal) {
  for (const std::int64_t queries : {1, 3, 5}) {
    const Sizes s{.n = queries, .l = 5};
    const Operands in = draw_operands(s);
    const auto bias = [&](auto, auto, std::int64_t i, std::int64_t j) {
      return j <= i + s.l - s.n ? 0 : -infinity;
    };
    expect_close(call("attention", {in.q, in.k, in.v}, {{"scale", 0.3}, {"causal", true}}),
                 attend(in, s, 0.3, 0, bias));
  }
}

TEST(Attention, GivesNanForQueriesThatSeeNoKey) {
  const Sizes s{.n = 3, .l = 2};
  const Operands in = draw_operands(s);
  const Tensor out = call("attention", {in.q, in.k, in.v}, {{"scale", 0.3}, {"causal", true}});
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    const bool is_first_query = i / s.e % s.n == 0;
    EXPECT_EQ(std::isnan(out.as<double>()[i]), is_first_query);
  }
}

TEST(Attention, KeepsTheLastKeysOfACausalWindow) {
  for (const std::int64_t window : {std::int64_t{1}, std::int64_t{2}, std::int64_t{4},
                                    std::int64_t{9}, std::numeric_limits<std::int64_t>::max()}) {
    const Sizes s{.n = 4, .l = 7};
    const Operands in = draw_operands(s);
    const auto bias = [&](auto, auto, std::int64_t i, std::int64_t j) {
      const std::int64_t back = i + s.l - s.n - j;
      return 0 <= back && back < window ? 0 : -infinity;
    };
    expect_close(call("attention", {in.q, in.k, in.v},
                      {{"scale", 0.3}, {"causal", true}, {"window", window}}),
                 attend(in, s, 0.3, 0, bias));
  }
}

TEST(Attention, KeepsTheNeighboursOnBothSidesOfAWindowThatIsNotCausal) {
  const Sizes s{.n = 6, .l = 6};
  const Operands in = draw_operands(s);
  const auto bias = [](auto, auto, std::int64_t i, std::int64_t j) {
    return std::abs(i - j) < 2 ? 0 : -infinity;
  };
  expect_close(call("attention", {in.q, in.k, in.v}, {{"scale", 0.3}, {"window", 2}}),
               attend(in, s, 0.3, 0, bias));
}

TEST(Attention, CapsScoresBeforeMasks) {
  const Sizes s;
  const Operands in = draw_operands(s);
  const Tensor mask = random_tensor({s.n, s.l}, 4);
  const auto bias = [&](auto, auto, std::int64_t i, std::int64_t j) {
    return mask.as<double>()[i * s.l + j];
  };
  expect_close(call("attention", {in.q, in.k, in.v, mask}, {{"scale", 1.0}, {"softcap", 0.5}}),
               attend(in, s, 1.0, 0.5, bias));
}

TEST(Attention, BroadcastsAFloatMaskOfEveryForm) {
  const Sizes s;
  const Operands in = draw_operands(s);
  for (const Extents& extents : {Extents{},
                                 {s.l},
                                 {1, s.l},
                                 {s.n, 1},
                                 {s.n, s.l},
                                 {s.h, 1, s.l},
                                 {s.h, s.n, s.l},
                                 {s.b, 1, 1, s.l},
                                 {1, s.h, s.n, s.l},
                                 {s.b, s.h, s.n, s.l}}) {
    const Tensor mask = random_tensor(extents, 4);
    const Tensor whole = call("broadcast", {mask}, {{"shape", Shape{s.b, s.h, s.n, s.l}}});
    const auto bias = [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
      return whole.as<double>()[((b * s.h + h) * s.n + i) * s.l + j];
    };
    SCOPED_TRACE(to_string(extents));
    expect_close(call("attention", {in.q, in.k, in.v, mask}, {{"scale", 0.3}}),
                 attend(in, s, 0.3, 0, bias));
  }
}

TEST(Attention, KeepsKeysWhereABoolMaskIsTrue) {
  const Sizes s;
  const Operands in = draw_operands(s);
  const Tensor mask = booleans({s.b, 1, 1, s.l}, {true, false, true, true, false,  //
                                                  false, false, true, false, false});
  const auto bias = [&](std::int64_t b, auto, auto, std::int64_t j) {
    return mask.as<bool>()[b * s.l + j] ? 0 : -infinity;
  };
  expect_close(call("attention", {in.q, in.k, in.v, mask}, {{"scale", 0.3}}),
               attend(in, s, 0.3, 0, bias));
}

TEST(Attention, JoinsMaskAndCausality) {
  const Sizes s;
  const Operands in = draw_operands(s);
  const Tensor mask = booleans({s.l}, {false, true, true, true, true});
  const auto bias = [&](auto, auto, std::int64_t i, std::int64_t j) {
    return j > 0 && j <= i + s.l - s.n ? 0 : -infinity;
  };
  expect_close(call("attention", {in.q, in.k, in.v, mask}, {{"scale", 0.3}, {"causal", true}}),
               attend(in, s, 0.3, 0, bias));
}

TEST(Attention, DecomposesWithSymbolsForEveryLength) {
  const Dim b = Dim::symbol("B"), n = Dim::symbol("N"), past = Dim::symbol("past");
  const Graph graph =
      test::decomposition(test::op("attention"),
                          {{Dtype::f64, {b, 4, n, 8}},
                           {Dtype::f64, {b, 2, past + n, 8}},
                           {Dtype::f64, {b, 2, past + n, 6}}},
                          {{"scale", 0.3}, {"causal", true}, {"window", 3}, {"softcap", 2.0}});
  for (const std::int64_t queries : {1, 3}) {
    const Sizes s{.n = queries, .l = queries + 2};
    const Operands in = draw_operands(s);
    const std::vector<Tensor> out =
        test::evaluate(graph, {in.q, in.k, in.v}, {{"B", s.b}, {"N", s.n}, {"past", 2}});
    expect_close(out[0], call("attention", {in.q, in.k, in.v},
                              {{"scale", 0.3}, {"causal", true}, {"window", 3}, {"softcap", 2.0}}));
  }
}

std::vector<TensorType> types(const Shape& q, const Shape& k, const Shape& v) {
  return {{Dtype::f32, q}, {Dtype::f32, k}, {Dtype::f32, v}};
}

TEST(Attention, InfersOverSymbols) {
  const Dim n = Dim::symbol("N"), l = Dim::symbol("L");
  EXPECT_EQ(
      infer_text("attention", types({1, 8, n, 64}, {1, 2, l, 64}, {1, 2, l, 32}), {{"scale", 1.0}}),
      "f32[1,8,N,32]");
}

TEST(Attention, RefusesOperandsThatDoNotFit) {
  const auto message = [](const std::vector<TensorType>& in, Attributes attributes = {}) {
    attributes.set("scale", 1.0);
    try {
      test::infer("attention", in, attributes);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(message(types({1, 3, 2, 8}, {1, 2, 2, 8}, {1, 2, 2, 8})),
              HasSubstr("the heads of q must be a multiple of those of k: 3 and 2"));
  EXPECT_THAT(message(types({1, 2, 2, 8}, {1, 2, 2, 4}, {1, 2, 2, 8})),
              HasSubstr("widths of q and k differ: 8 and 4"));
  EXPECT_THAT(message(types({1, 2, 2, 8}, {1, 2, 3, 8}, {1, 2, 2, 8})),
              HasSubstr("positions of k and v differ: 3 and 2"));
  EXPECT_THAT(message(types({2, 2, 8}, {1, 2, 2, 8}, {1, 2, 2, 8})), HasSubstr("needs 4 axes"));
  EXPECT_THAT(message(types({1, 2, 2, 8}, {1, 2, 2, 8}, {1, 2, 2, 8}), {{"window", -1}}),
              HasSubstr("window may not be negative (0: none): -1"));
  std::vector<TensorType> masked = types({1, 2, 2, 8}, {1, 2, 3, 8}, {1, 2, 3, 8});
  masked.push_back({Dtype::boolean, {2, 2}});
  EXPECT_THAT(message(masked), HasSubstr("[2,2]"));
  masked.back() = {Dtype::i32, {2, 3}};
  EXPECT_THAT(message(masked), HasSubstr("the mask must be bool or of q's dtype: i32[2,3]"));
}

Work work_of(const std::vector<TensorType>& in, Attributes attributes) {
  attributes.set("scale", 1.0);
  const Op& op = test::op("attention");
  const Attributes complete = attributes.complete(op.name, op.attributes);
  return op.work({in, complete});
}

TEST(Attention, CountsOnlyThePairsThatCausalityLeaves) {
  const auto in = types({1, 1, 4, 8}, {1, 1, 4, 8}, {1, 1, 4, 8});
  EXPECT_EQ(work_of(in, {}).flops, 2 * 16 * (8 + 8 + 2));
  EXPECT_EQ(work_of(in, {{"causal", true}}).flops, 2 * 10 * (8 + 8 + 2));
  EXPECT_EQ(work_of(in, {{"causal", true}, {"window", 2}}).flops, 2 * 7 * (8 + 8 + 2));
  EXPECT_EQ(work_of(in, {{"window", 2}}).flops, 2 * 10 * (8 + 8 + 2));
}

TEST(Attention, CountsTheSameOverSymbolsAsBound) {
  const Dim n = Dim::symbol("N"), l = Dim::symbol("L");
  const Work symbolic =
      work_of(types({1, 2, n, 8}, {1, 1, l, 8}, {1, 1, l, 4}), {{"causal", true}});
  const Work bound = work_of(types({1, 2, 3, 8}, {1, 1, 7, 8}, {1, 1, 7, 4}), {{"causal", true}});
  EXPECT_EQ(symbolic.flops.evaluate({{"N", 3}, {"L", 7}}), bound.flops.evaluate({}));
  EXPECT_EQ(symbolic.bytes.evaluate({{"N", 3}, {"L", 7}}), bound.bytes.evaluate({}));
}

TEST(Attention, CountsOnlyTheKeysThatAWindowReaches) {
  const auto one_query = types({1, 1, 1, 8}, {1, 1, 100, 8}, {1, 1, 100, 8});
  const Dim row = 16 * 4;
  EXPECT_EQ(work_of(one_query, {{"causal", true}}).bytes, row + 100 * row);
  EXPECT_EQ(work_of(one_query, {{"causal", true}, {"window", 10}}).bytes, row + 10 * row);
}

}  // namespace
}  // namespace paceline
