#include "worker/execute/prologue.h"

#include <gmock/gmock.h>

#include <cstring>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "tests/support/scratch.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

int neg_count = 0;

// All kernels, of which those of neg count their runs.
const std::vector<Kernel>& counting_kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> kernels = kernels::all_kernels();
    for (Kernel& kernel : kernels) {
      if (kernel.info.op != "neg") continue;
      kernel.prepare = nullptr;
      kernel.bind = nullptr;
      kernel.run = [](const Call& call) {
        ++neg_count;
        const float* in = call.inputs[0].as<float>();
        float* out = call.outputs[0].as<float>();
        for (int i = 0; i < 2; ++i) out[i] = -in[i];
      };
    }
    return kernels;
  }();
  return all;
}

Plan compiled(const Graph& graph, const std::vector<Kernel>& kernels,
              const CompileOptions& options = {}) {
  return compile(test::plain_path(graph, ops::all_ops(), kernels), ops::all_ops(), kernels,
                 {{"N", 4}, {"past", 2}}, {}, options);
}

Graph graph_of(std::string_view statements) {
  return parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops::all_ops());
}

const char* const shifted =
    "weight w: f32[2] input x: f32[2]\n n = neg(w) y = add(x, n) output z = y";

Session session_of(const Graph& graph, WeightSet weights, Session::Options options = {}) {
  return {compiled(graph, counting_kernels()), ops::all_ops(), counting_kernels(),
          std::move(weights), options};
}

Tensor floats(const std::vector<float>& elements) {
  return Tensor::of<float>({static_cast<std::int64_t>(elements.size())}, elements);
}

std::vector<float> elements(const TensorView& view) {
  return {view.as<float>(), view.as<float>() + view.element_count()};
}

TEST(Prologue, RunsOnceAndNotInRuns) {
  neg_count = 0;
  Session session = session_of(graph_of(shifted), {{"w", floats({1, 2})}});
  EXPECT_EQ(neg_count, 1);
  session.bind({});
  session.set_input("x", floats({10, 20}));
  session.run();
  session.run();
  EXPECT_EQ(neg_count, 1);
  EXPECT_EQ(session.instruction_count(), 1U);
  EXPECT_THAT(elements(session.output("z")), ElementsAre(9, 18));
}

TEST(Prologue, LetsGoOfWeightsThatOnlyItReads) {
  const auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2});
  Session session =
      session_of(graph_of(shifted), {{"w", Tensor(Dtype::f32, {2}, owner, owner->data())}});
  EXPECT_EQ(owner.use_count(), 1);
  session.bind({});
  session.set_input("x", floats({0, 0}));
  session.run();
  EXPECT_THAT(elements(session.output("z")), ElementsAre(-1, -2));
}

TEST(Prologue, ReadsAWeightTwiceInOneInstruction) {
  Session session =
      session_of(graph_of("weight w: f32[2] n = add(w, w) output z = n"), {{"w", floats({1, 2})}});
  session.bind({});
  session.run();
  EXPECT_THAT(elements(session.output("z")), ElementsAre(2, 4));
}

TEST(Prologue, KeepsWeightsThatRunsRead) {
  const auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2});
  const Session session = session_of(
      graph_of("weight w: f32[2] input x: f32[2]\n n = neg(w) y = mul(x, n) v = add(y, w)\n"
               "output z = v"),
      {{"w", Tensor(Dtype::f32, {2}, owner, owner->data())}});
  EXPECT_EQ(owner.use_count(), 2);
}

TEST(Prologue, HandsOutWhatItPrepared) {
  Session session =
      session_of(graph_of("weight w: f32[2] n = neg(w) output z = n"), {{"w", floats({1, 2})}});
  session.bind({});
  session.run();
  EXPECT_THAT(elements(session.output("z")), ElementsAre(-1, -2));
}

TEST(Prologue, MovesAStateToWhatItPrepared) {
  Session session = session_of(
      graph_of("weight w: f32[2] state s: f32[2]\n n = neg(w) y = add(s, w) output z = y\n"
               "update s = n"),
      {{"w", floats({1, 2})}});
  session.bind({});
  session.run();
  EXPECT_THAT(elements(session.output("z")), ElementsAre(1, 2));
  session.run();
  EXPECT_THAT(elements(session.output("z")), ElementsAre(0, 0));
}

TEST(Prologue, IsSharedBySessionsThatPrepareTheSame) {
  const auto shared = std::make_shared<PreparedTensors>();
  const WeightSet weights = {{"w", floats({1, 2})}};
  neg_count = 0;
  Session first = session_of(graph_of(shifted), weights, {.prepared = shared});
  Session second =
      session_of(graph_of("input x: f32[2] weight w: f32[2]\n a = neg(w) b = exp(a) c = mul(x, b)\n"
                          "d = add(c, a) output z = d output p = a"),
                 weights, {.prepared = shared});
  EXPECT_EQ(neg_count, 1);
  Session other = session_of(graph_of("weight v: f32[2] n = neg(v) output z = n"),
                             {{"v", floats({5, 6})}}, {.prepared = shared});
  EXPECT_EQ(neg_count, 2);
  second.bind({});
  second.set_input("x", floats({0, 0}));
  second.run();
  EXPECT_THAT(elements(second.output("z")), ElementsAre(-1, -2));
  EXPECT_THAT(elements(second.output("p")), ElementsAre(-1, -2));
  other.bind({});
  other.run();
  EXPECT_THAT(elements(other.output("z")), ElementsAre(-5, -6));
}

TEST(Prologue, IsComputedAnewOnceNobodyHoldsIt) {
  const auto shared = std::make_shared<PreparedTensors>();
  neg_count = 0;
  for (int i = 0; i < 2; ++i) {
    session_of(graph_of(shifted), {{"w", floats({1, 2})}}, {.prepared = shared});
  }
  EXPECT_EQ(neg_count, 2);
}

TEST(Prologue, TellsTheNumbersWhenMemoryIsShort) {
  try {
    session_of(graph_of(shifted), {{"w", floats({1, 2})}}, {.memory_bytes_max = 63});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
    EXPECT_THAT(error.what(), HasSubstr("needs 64 bytes and may use 63"));
  }
}

TEST(Prologue, CountsInTheMemoryOfRuns) {
  Session session =
      session_of(graph_of(shifted), {{"w", floats({1, 2})}}, {.memory_bytes_max = 135});
  EXPECT_THROW(session.bind({}), Error);  // 64 prepared, 64 of activations, 8 of inputs.
  session_of(graph_of(shifted), {{"w", floats({1, 2})}}, {.memory_bytes_max = 136}).bind({});
}

TEST(Prologue, RefusesAWeightOfOtherExtents) {
  try {
    session_of(graph_of(shifted), {{"w", floats({1, 2, 3})}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("\"w\" must be [2], not [3]"));
  }
}

// The same kernels on the same bits, whenever they run.
TEST(Prologue, ChangesNoBitOfAnyResult) {
  int prepared = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const auto given = test::random_tensors(graph, NodeKind::weight, {}, seed);
    const WeightSet weights(given.begin(), given.end());
    const Plan with = compiled(graph, kernels::all_kernels());
    prepared += static_cast<int>(with.prologue.size());
    Session one(with, ops::all_ops(), kernels::all_kernels(), weights, {});
    Session other(compiled(graph, kernels::all_kernels(), {.has_prologue = false}), ops::all_ops(),
                  kernels::all_kernels(), weights, {});
    for (const std::int64_t n : {4, 1, 9}) {
      const Bindings bindings = {{"N", n}, {"past", 2}};
      for (Session* session : {&one, &other}) {
        session->bind(bindings);
        for (const auto& [name, tensor] :
             test::random_tensors(graph, NodeKind::input, bindings, seed)) {
          session->set_input(name, tensor);
        }
        session->run();
      }
      for (const NamedOutput& output : graph.outputs()) {
        const Tensor a = dense_copy(one.output(output.name));
        const Tensor b = dense_copy(other.output(output.name));
        ASSERT_EQ(a.extents(), b.extents());
        ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0)
            << output.name << " of seed " << seed << "\n"
            << to_text(with);
      }
    }
  }
  EXPECT_GT(prepared, 20);
}

}  // namespace
}  // namespace paceline
