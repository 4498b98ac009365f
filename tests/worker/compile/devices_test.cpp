#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "tests/support/device_path.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Property;
using ::testing::Throws;

const Bindings sample = {{"N", 5}, {"past", 3}};
const Device gpu{DeviceKind::cuda, 0};

// Plans are made from what kernels say of themselves: no GPU is needed.
class Devices : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels::cuda_kernels().empty()) GTEST_SKIP() << "built without the CUDA module";
  }

  static Plan compiled(const Graph& graph, double on_cuda, std::uint64_t seed = 1) {
    const std::vector<Kernel>& kernels = kernels::catalogued_kernels();
    return compile(test::device_path(graph, ops::all_ops(), kernels, sample, on_cuda, seed),
                   ops::all_ops(), kernels, sample, {});
  }

  static Plan compiled(std::string_view statements, double on_cuda) {
    return compiled(
        parse_graph("graph \"g\" {\n input x: f32[N,4]\n state s: f32[16,4]\n weight w: "
                    "f32[4,4]\n" +
                        std::string(statements) + "}",
                    ops::all_ops()),
        on_cuda);
  }

  static std::vector<std::string> names(const std::vector<Plan::Instruction>& instructions) {
    std::vector<std::string> names;
    for (const Plan::Instruction& instruction : instructions) {
      const Attribute* to = instruction.attributes.find("to");
      names.push_back(to ? "to " + std::get<std::string>(*to) : instruction.op);
    }
    return names;
  }
};

TEST_F(Devices, ValuesCrossOnceAndOutputsEndOnTheCpu) {
  const Plan plan = compiled("a = exp(x) b = neg(a) c = add(a, x) output y = b output z = c", 1);
  EXPECT_THAT(names(plan.instructions),
              ElementsAre("to cuda", "exp", "neg", "add", "to cpu", "to cpu"));
  EXPECT_THAT(names(plan.prologue), IsEmpty());
  EXPECT_EQ(plan.accelerator(), gpu);
}

TEST_F(Devices, WeightsCrossInThePrologue) {
  const Plan plan = compiled(
      "a = mul(w, w) b = neg(w) c = permute(w, order=[1,0])"
      " d = add(c, a) e = add(d, b) output y = e",
      1);
  EXPECT_EQ(std::ranges::count(names(plan.prologue), "to cuda"), 1);
  EXPECT_THAT(names(plan.instructions), IsEmpty());
}

TEST_F(Devices, AStateLiesWhereItIsUpdated) {
  const std::string update = "n = add(s, s) output y = x update s = n";
  const Plan there = compiled(update, 1);
  ASSERT_EQ(there.states.size(), 1u);
  EXPECT_EQ(there.states[0].device, gpu);
  EXPECT_EQ(std::ranges::count(names(there.instructions), "to cuda"), 0);
  EXPECT_TRUE(compiled(update, 0).states.empty());
}

TEST_F(Devices, OfALargeValueOnlyThePartThatIsAnOutputCrosses) {
  const Plan plan = compiled("a = exp(x) b = slice(a, axis=0, start=0, stop=1) output y = b", 1);
  EXPECT_THAT(names(plan.instructions), ElementsAre("to cuda", "exp", "to cpu"));
  const Plan::Tensor& sent = plan.tensors[plan.instructions[2].inputs[0]];
  EXPECT_EQ(sent.type.shape, (Shape{1, 4}));
}

TEST_F(Devices, RowsOfAttentionLieAsItsReaderPermutesThem) {
  const std::string statements =
      "h = reshape(x, shape=[1,N,2,2]) q = permute(h, order=[0,2,1,3])"
      " a = attention(q, q, q, scale=0.5) p = permute(a, order=[0,2,1,3])"
      " f = reshape(p, shape=[N,4]) e = linear(f, w) output y = e";
  const Plan plan = compiled(statements, 1);
  EXPECT_THAT(names(plan.instructions), ElementsAre("to cuda", "attention", "linear", "to cpu"));
  const Plan::Tensor& written = plan.tensors[plan.instructions[1].outputs[0]];
  EXPECT_EQ(written.strides, (std::vector<Dim>{Dim::symbol("N") * 4, 2, 4, 1}));
  const std::vector<std::string> others = {" output z = a", " s2 = neg(a) output z = s2"};
  for (const std::string& other : others) {
    EXPECT_EQ(std::ranges::count(names(compiled(statements + other, 1).instructions), "copy"), 1);
  }
}

TEST_F(Devices, NumbersAreByDevice) {
  const Plan plan =
      compiled("b = neg(w) a = linear(x, b) n = add(s, s) output y = a update s = n", 1);
  const auto needs = memory_needs(plan, {{"N", 4}, {"past", 0}});
  EXPECT_EQ(needs.at(gpu).state_bytes, 256);
  EXPECT_EQ(needs.at(gpu).prepared_bytes, 64);
  EXPECT_EQ(needs.at(Device{}).state_bytes, 0);
  EXPECT_GT(needs.at(gpu).arena_bytes, 0);
}

TEST_F(Devices, TwoGpusAreRefused) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[4] a = exp(x) b = neg(a) output y = b }", ops::all_ops());
  const std::vector<Kernel>& kernels = kernels::catalogued_kernels();
  Path path = test::device_path(graph, ops::all_ops(), kernels, {}, 1, 1);
  path.choices[1].device.index = 1;
  EXPECT_THAT([&] { compile(path, ops::all_ops(), kernels, {}, {}); },
              Throws<Error>(Property(&Error::what, HasSubstr("cuda:0 and cuda:1"))));
}

TEST_F(Devices, RandomGraphsOnRandomDevicesAreValidForAllBindingsAndReadBack) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Plan plan = compiled(graph, seed % 3 == 0 ? 1 : 0.5, seed);
    for (const Bindings& bindings :
         {Bindings{{"N", 1}, {"past", 0}}, Bindings{{"N", 9}, {"past", 7}}}) {
      ASSERT_NO_THROW(validate(plan, ops::all_ops(), kernels::catalogued_kernels(), bindings))
          << seed;
    }
    const std::string text = to_text(plan);
    ASSERT_EQ(to_text(parse_plan(text, ops::all_ops())), text) << seed;
  }
}

TEST_F(Devices, APlanWhoseOperandsLieElsewhereIsRefused) {
  Plan plan = compiled("a = exp(x) output y = a", 1);
  for (Plan::Instruction& instruction : plan.instructions) {
    if (instruction.op == "exp") instruction.inputs = plan.instructions[0].inputs;
  }
  EXPECT_THAT([&] { validate(plan, ops::all_ops(), kernels::catalogued_kernels(), sample); },
              Throws<Error>(Property(&Error::what, HasSubstr("operands lie on"))));
}

}  // namespace
}  // namespace paceline
