#include "worker/execute/variant_session.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

Plan plan_of(std::string_view statements) {
  const Graph graph =
      parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops::all_ops());
  return compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()), ops::all_ops(),
                 kernels::all_kernels(), {{"N", 4}, {"C", 3}}, {});
}

const std::string head =
    "state s: f32[2] input x: f32[N] input k: f32[2] weight w: f32[2]\n m = neg(w) t = add(s, k)\n";

// -x below 8, 0 - x from there: the same values by other ops.
PlanVariants two_ways() {
  const std::string tail =
      " u = add(t, m) output y = n output sum = u output minus_w = m update s = t";
  return {"N",
          {{0, plan_of(head + "n = neg(x)" + tail)},
           {8, plan_of(head + "o = sub(x, x) n = sub(o, x)" + tail)}}};
}

Tensor floats(const std::vector<float>& elements) {
  return Tensor::of<float>({static_cast<std::int64_t>(elements.size())}, elements);
}

std::vector<float> elements(const TensorView& view) {
  return {view.as<float>(), view.as<float>() + view.element_count()};
}

class Variants : public ::testing::Test {
 protected:
  void bind(std::int64_t n) { session_.bind({{"N", n}}); }
  void set_x(std::int64_t n) {
    session_.set_input("x", floats(std::vector<float>(static_cast<std::size_t>(n), 2)));
  }

  VariantSession session_{
      two_ways(), ops::all_ops(), kernels::all_kernels(), {{"w", floats({1, 2})}}, {}};
};

TEST_F(Variants, ServeTheirRanges) {
  const std::pair<std::int64_t, std::size_t> expected[] = {
      {0, 0}, {7, 0}, {8, 1}, {100, 1}, {1, 0}};
  for (const auto& [n, variant] : expected) {
    bind(n);
    EXPECT_EQ(session_.variant(), variant) << n;
  }
}

TEST_F(Variants, ShareStatesAndKeepInputsOfTheSameType) {
  bind(2);
  set_x(2);
  session_.set_input("k", floats({10, 20}));
  session_.run();
  EXPECT_THAT(elements(session_.output("sum")), ElementsAre(9, 18));
  bind(9);
  set_x(9);
  session_.run();  // k is what it was.
  EXPECT_THAT(elements(session_.output("sum")), ElementsAre(19, 38));
  EXPECT_EQ(elements(session_.output("y")), std::vector<float>(9, -2));
  bind(3);
  set_x(3);
  session_.run();
  EXPECT_THAT(elements(session_.output("sum")), ElementsAre(29, 58));
  session_.clear_states();
  session_.run();
  EXPECT_THAT(elements(session_.output("sum")), ElementsAre(9, 18));
}

TEST(VariantSession, OpensNoVariantToClearStates) {
  VariantSession session(two_ways(), ops::all_ops(), kernels::all_kernels(), {}, {});
  EXPECT_NO_THROW(session.clear_states());  // To open one it would need the weight.
}

TEST_F(Variants, WantInputsOfAnotherTypeAgain) {
  bind(2);
  set_x(2);
  session_.set_input("k", floats({0, 0}));
  bind(9);
  set_x(9);
  bind(2);
  EXPECT_THAT([&] { session_.run(); },
              Throws<Error>(Property(&Error::what, HasSubstr("\"x\" was not set"))));
}

TEST_F(Variants, PrepareTheSameTensorOnce) {
  bind(2);
  const TensorView first = session_.output("minus_w");
  EXPECT_THAT(elements(first), ElementsAre(-1, -2));
  bind(9);
  EXPECT_EQ(session_.output("minus_w").data, first.data);
}

TEST_F(Variants, LetGoOfAllButStatesWhenClosed) {
  bind(2);
  set_x(2);
  session_.set_input("k", floats({10, 20}));
  session_.run();
  session_.close();
  EXPECT_THAT([&] { session_.run(); },
              Throws<Error>(Property(&Error::what, HasSubstr("bind the symbols"))));
  bind(2);
  EXPECT_THAT([&] { session_.run(); },
              Throws<Error>(Property(&Error::what, HasSubstr("was not set"))));
  set_x(2);
  session_.set_input("k", floats({1, 1}));
  session_.run();
  EXPECT_THAT(elements(session_.output("sum")), ElementsAre(10, 19));
}

TEST_F(Variants, PassOnWhatTheNextSharesWhenClosedForIt) {
  const auto prepared = std::make_shared<PreparedTensors>();
  const auto session = [&] {
    return VariantSession(two_ways(), ops::all_ops(), kernels::all_kernels(),
                          {{"w", floats({1, 2})}}, {.prepared = prepared});
  };
  VariantSession one = session(), two = session();
  one.bind({{"N", 2}});
  const void* shared = one.output("minus_w").data;
  one.close_for(two, {{"N", 9}});
  two.bind({{"N", 9}});
  EXPECT_EQ(two.output("minus_w").data, shared);
  EXPECT_EQ(two.session().prepared().shared.buffers, 1);
}

TEST_F(Variants, RefuseRunsAfterAFailedBind) {
  bind(2);
  set_x(2);
  EXPECT_THROW(session_.bind({}), Error);
  EXPECT_THAT([&] { session_.run(); },
              Throws<Error>(Property(&Error::what, HasSubstr("bind the symbols"))));
}

// A state whose type changes moves: the other variant must notice.
TEST(VariantStates, MoveForAllVariants) {
  const std::string text =
      "state s: f32[C] input x: f32[C] input k: f32[N]\n t = add(s, x) n = neg(k)\n"
      "output y = t output z = n update s = t";
  VariantSession session({"N", {{0, plan_of(text)}, {8, plan_of(text)}}}, ops::all_ops(),
                         kernels::all_kernels(), {}, {});
  const auto run = [&](std::int64_t n, std::int64_t c) {
    session.bind({{"N", n}, {"C", c}});
    session.set_input("k", Tensor(Dtype::f32, {n}));
    session.set_input("x", floats(std::vector<float>(static_cast<std::size_t>(c), 1)));
    session.run();
    return elements(session.output("y"));
  };
  EXPECT_EQ(run(2, 3), std::vector<float>(3, 1));
  EXPECT_EQ(run(9, 1000), std::vector<float>(1000, 1));
  EXPECT_EQ(run(2, 3), std::vector<float>(3, 1));
  EXPECT_EQ(run(9, 3), std::vector<float>(3, 2));
  EXPECT_EQ(run(2, 3), std::vector<float>(3, 3));
}

TEST(PlanVariantsText, ReadsBack) {
  const PlanVariants variants = two_ways();
  const std::string text = to_text(variants);
  EXPECT_THAT(text, HasSubstr("variants N {\nfrom 0 plan {"));
  EXPECT_THAT(text, HasSubstr("\nfrom 8 plan {"));
  const PlanVariants read = parse_plan_variants(text, ops::all_ops());
  EXPECT_EQ(to_text(read), text);
  EXPECT_EQ(read.all[1].from, 8);
}

TEST(PlanVariantsText, RefusesWhatDoesNotGoTogether) {
  const auto refuses = [](const PlanVariants& variants, const char* message) {
    EXPECT_THAT([&] { parse_plan_variants(to_text(variants), ops::all_ops()); },
                Throws<Error>(Property(&Error::what, HasSubstr(message))));
  };
  refuses({"N", {}}, "need at least one plan");
  PlanVariants late = two_ways();
  late.all[0].from = 1;
  refuses(late, "start at 0 and ascend: 1");
  PlanVariants equal = two_ways();
  equal.all[1].from = 0;
  refuses(equal, "start at 0 and ascend: 0");
  PlanVariants unlike = two_ways();
  unlike.all[1].plan = plan_of("input x: f32[N] n = neg(x) output y = n");
  refuses(unlike, "from N=8 one does not");
}

TEST(PlanVariantsSelect, NeedsTheSymbol) {
  EXPECT_THAT(
      [] {
        two_ways().select({{"B", 1}});
      },
      Throws<Error>(Property(&Error::what, HasSubstr("N=128"))));
}

}  // namespace
}  // namespace paceline
