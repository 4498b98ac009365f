#include "common/graph/dim.h"

#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Dim n = Dim::symbol("N");
const Dim past = Dim::symbol("past");

std::string message_of(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "nothing thrown";
}

TEST(Dim, IsEqualWhenThePolynomialsAre) {
  EXPECT_EQ((n + 1) * (n - 1), n * n - 1);
  EXPECT_EQ(n * past + past * n, 2 * past * n);
  EXPECT_EQ(n - n, 0);
  EXPECT_NE(n, past);
  EXPECT_EQ(Dim(0), Dim());
}

TEST(Dim, ReadsBackWhatItWrites) {
  for (const char* text :
       {"0", "-7", "N", "-N+3", "2*N*past+1", "N*N-N+past-4", "-2*N*N", "9223372036854775807"}) {
    EXPECT_EQ(Dim::parse(text).to_string(), text);
  }
}

TEST(Dim, ParsesSpacesParenthesesAndAnyOrder) {
  EXPECT_EQ(Dim::parse(" 1 + past * 2 * N "), 2 * n * past + 1);
  EXPECT_EQ(Dim::parse("(N + 1) * (N + 1)"), n * n + 2 * n + 1);
  EXPECT_EQ(Dim::parse("-(N - past)"), past - n);
}

TEST(Dim, SaysWhereItDoesNotParse) {
  EXPECT_THAT(message_of([] { Dim::parse("2*"); }), HasSubstr("column 3: \"2*\""));
  EXPECT_THAT(message_of([] { Dim::parse("N M"); }), HasSubstr("column 3"));
  EXPECT_THAT(message_of([] { Dim::parse(""); }), HasSubstr("column 1"));
  EXPECT_THAT(message_of([] { Dim::parse("(N"); }), HasSubstr("expected ')'"));
  EXPECT_THAT(message_of([] { Dim::parse("9223372036854775808"); }), HasSubstr("2^63"));
  EXPECT_THAT(message_of([] { Dim::parse(std::string(100'000, '(')); }), HasSubstr("nested"));
}

TEST(Dim, RefusesWhatAHostileTextAsksFor) {
  std::string product = "(a+b)";
  for (int i = 0; i < 40; ++i) product += "*(a+b)";
  EXPECT_THAT(message_of([&] { Dim::parse(product); }), HasSubstr("degree"));
}

TEST(Dim, RefusesANameThatIsNoSymbol) {
  EXPECT_THAT(message_of([] { Dim::symbol("2N"); }), HasSubstr("\"2N\""));
  EXPECT_THAT(message_of([] { Dim::symbol(""); }), HasSubstr("\"\""));
}

TEST(Dim, EvaluatesUnderBindings) {
  EXPECT_EQ((2 * n * past + 1).evaluate({{"N", 3}, {"past", 5}}), 31);
  EXPECT_EQ(Dim(4).evaluate({}), 4);
}

TEST(Dim, NamesTheSymbolThatIsNotBoundOrNegative) {
  EXPECT_THAT(message_of([] { (n * past).evaluate({{"N", 1}}); }), HasSubstr(": past"));
  EXPECT_THAT(message_of([] { n.evaluate({{"N", -1}}); }), HasSubstr("N=-1"));
}

TEST(Dim, RefusesToOverflow) {
  const Dim large = INT64_MAX;
  EXPECT_THAT(message_of([&] { large + 1; }), HasSubstr("overflows"));
  EXPECT_THAT(message_of([&] { large * 2; }), HasSubstr("overflows"));
  EXPECT_THAT(message_of([&] { Dim(0) - Dim(INT64_MIN); }), HasSubstr("overflows"));
  EXPECT_THAT(message_of([&] { (n * n).evaluate({{"N", INT64_MAX}}); }), HasSubstr("overflows"));
}

TEST(Dim, KnowsItsSymbolsAndConstants) {
  EXPECT_THAT((n * past + n).symbols(), ElementsAre("N", "past"));
  EXPECT_EQ(Dim(3).constant(), 3);
  EXPECT_EQ(Dim().constant(), 0);
  EXPECT_EQ(n.constant(), std::nullopt);
  EXPECT_TRUE((n - n + 2).is_constant());
}

TEST(Dim, SubstitutesAllSymbolsAtOnce) {
  EXPECT_EQ((n + 2 * past).substitute({{"N", past}, {"past", n}}), past + 2 * n);
  EXPECT_EQ((n * n).substitute({{"N", past + 1}}), past * past + 2 * past + 1);
}

TEST(Dim, DividesByPolynomials) {
  EXPECT_EQ((n * n - 1).divide_exactly(n + 1), n - 1);
  EXPECT_EQ((6 * n * past).divide_exactly(-2 * past), -3 * n);
  EXPECT_EQ(Dim(0).divide_exactly(n), 0);
  EXPECT_EQ(Dim(12).divide_exactly(4), 3);
}

TEST(Dim, DoesNotDivideWithARemainder) {
  EXPECT_EQ((n + 1).divide_exactly(n), std::nullopt);
  EXPECT_EQ((3 * n).divide_exactly(2), std::nullopt);
  EXPECT_EQ(n.divide_exactly(past), std::nullopt);
  EXPECT_EQ(n.divide_exactly(0), std::nullopt);
  EXPECT_EQ(Dim(INT64_MIN).divide_exactly(-1), std::nullopt);
}

Dim random_dim(Random& random) {
  Dim dim = random.below(7) - 3;
  for (int i = 0; i < 3; ++i) {
    Dim term = random.below(7) - 3;
    for (int degree = 0; degree < 2; ++degree) term *= random.below(2) ? n : past;
    dim += term;
  }
  return dim;
}

TEST(Dim, KeepsTheLawsOfArithmetic) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const Dim a = random_dim(random);
    const Dim b = random_dim(random);
    const Dim c = random_dim(random);
    const Bindings bindings = {{"N", random.below(9)}, {"past", random.below(9)}};
    EXPECT_EQ((a + b) * c, a * c + b * c);
    EXPECT_EQ((a * b).evaluate(bindings), a.evaluate(bindings) * b.evaluate(bindings));
    EXPECT_EQ((a - b).evaluate(bindings), a.evaluate(bindings) - b.evaluate(bindings));
    EXPECT_EQ(Dim::parse(a.to_string()), a);
    if (b != 0) {
      EXPECT_EQ((a * b).divide_exactly(b), a);
    }
  }
}

TEST(Dim, KeepsItsOrderWhateverItIsMadeOf) {
  // By terms, of which 0 has none.
  const std::vector<Dim> sorted = {0, -5, 3, n, n + 1, past, n * past};
  for (std::size_t a = 0; a < sorted.size(); ++a) {
    for (std::size_t b = 0; b < sorted.size(); ++b) {
      const bool is_graded = (a == 6) != (b == 6);  // N*past begins with N.
      if (!is_graded) {
        EXPECT_EQ(sorted[a] < sorted[b], a < b) << a << " " << b;
      }
      EXPECT_EQ(sorted[a] == sorted[b], a == b);
    }
  }
}

TEST(Dim, IsAConstantOnceItsSymbolsAreGone) {
  EXPECT_EQ((n + 5) - n, 5);
  EXPECT_EQ(((n + 5) - n).constant(), 5);
  EXPECT_EQ((n * 0).constant(), 0);
  EXPECT_TRUE(n.substitute({{"N", 4}}).is_constant());
  EXPECT_EQ((n * n).divide_exactly(n), n);
  EXPECT_EQ(Dim(12).divide_exactly(4), 3);
  EXPECT_EQ(Dim(12).divide_exactly(5), std::nullopt);
}

}  // namespace
}  // namespace paceline
