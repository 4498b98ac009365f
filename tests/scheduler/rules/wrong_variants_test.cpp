#include <gmock/gmock.h>

#include "tests/scheduler/rules/saturate.h"

// Rules made wrong on purpose are caught by name when their merges are evaluated.
namespace paceline::test {
namespace {

using testing::HasSubstr;

struct Wrong {
  std::string rule;
  std::string test;
  std::string from, to;  // In the rule's text.
  bool drops_conditions = false;
  std::string example = {};  // In place of the rule's.
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.test; }

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (!from.empty() && at != std::string::npos) text.replace(at, from.size(), to);
}

class WrongVariant : public testing::TestWithParam<Wrong> {};

TEST_P(WrongVariant, IsCaughtByName) {
  const Wrong& wrong = GetParam();
  egraph::Rule rule = rule_named(wrong.rule);
  const std::string before = rule.left + rule.right;
  replace(rule.left, wrong.from, wrong.to);
  replace(rule.right, wrong.from, wrong.to);
  if (wrong.drops_conditions) rule.conditions.clear();
  if (!wrong.example.empty()) rule.example = wrong.example;
  ASSERT_TRUE(wrong.drops_conditions || rule.left + rule.right != before);
  try {
    saturate(rule.example, only(rule));
    FAIL() << "nothing was caught: " << rule.left << " = " << rule.right;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr("\"" + wrong.rule));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongVariant,
    testing::Values(
        Wrong{"square-by-factor", "FactorLost", "(mul ?c (mul ?x ?x))", "(mul ?x ?x)"},
        Wrong{"lift-rms-norm", "EpsilonLost", "[epsilon=value(?e)]", ""},
        Wrong{"factor-of-quotient", "QuotientTurnedRound", "over(value(?c), value(?b))",
              "over(value(?b), value(?c))"},
        Wrong{"transpose-of-product", "OperandsInOrder", "?b ?a)", "?a ?b)", true,
              "graph \"g\" { input a: f64[3,3] input b: f64[3,3] m = matmul(a, b) "
              "y = permute(m, order=[1,0]) output y = y }"},
        Wrong{"concat-of-neighbours", "GapLost", "", "", true,
              "graph \"g\" { input x: f64[2,4] p = slice(x, axis=-1, start=0, stop=3) "
              "q = slice(x, axis=-1, start=3, stop=1) y = concat(p, q, axis=-1) output y = y }"},
        Wrong{"lift-softmax", "WrongAxis", "[axis=only(?a)]", "[axis=0]"},
        Wrong{"lift-gated-silu", "WrongActivation", "\"silu\"", "\"gelu\""},
        Wrong{"permute-permute", "OrdersExchanged", "compose(?q, ?p)", "compose(?p, ?q)", false,
              "graph \"g\" { input x: f64[3,3,3] r = permute(x, order=[1,2,0]) "
              "y = permute(r, order=[0,2,1]) output y = y }"},
        Wrong{"mask-of-constant", "LowNumberTakenForZero", "", "", true,
              "graph \"g\" { input q: f64[1,2,4,3] constant l: f64[] = -1e30 "
              "m = broadcast(l, shape=[4,4]) y = attention(q, q, q, m, scale=0.5) "
              "output y = y }"},
        Wrong{"cast-after-widening", "NarrowingTakenForWidening", "", "", true,
              "graph \"g\" { input x: f64[50] n = cast(x, dtype=f16) y = cast(n, dtype=f64) "
              "output y = y }"},
        Wrong{"attention-of-repeated-heads", "HeadsTakenInTurn", "", "", true,
              "graph \"g\" { input q: f64[1,4,3,2] input k: f64[1,2,3,2] "
              "a = reshape(k, shape=[1,1,2,3,2]) b = broadcast(a, shape=[1,2,2,3,2]) "
              "c = reshape(b, shape=[1,4,3,2]) y = attention(q, c, c, scale=0.5) output y = y }"}),
    [](const auto& info) { return info.param.test; });

}  // namespace
}  // namespace paceline::test
