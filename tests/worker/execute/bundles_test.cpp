// Plans with instructions side by side: what they give, and that threads do not meet.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::SizeIs;
using ::testing::Throws;

Path bundled(const Graph& graph, std::uint64_t seed) {
  return test::in_random_bundles(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()),
                                 seed);
}

Session session_of(const Path& path, const WeightSet& weights, int threads) {
  return {compile(path, ops::all_ops(), kernels::all_kernels(), {{"N", 4}, {"past", 2}},
                  {.threads = threads}),
          ops::all_ops(),
          kernels::all_kernels(),
          weights,
          {.threads = threads}};
}

std::vector<std::byte> bytes_of(const TensorView& view) {
  const Tensor copy = dense_copy(view);
  std::vector<std::byte> bytes(copy.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), copy.data(), bytes.size());
  return bytes;
}

// One thread computes each node of a bundle, so a session of one thread does the same in order.
void expect_the_bytes_of_one_thread(const Graph& graph, std::uint64_t seed, int threads) {
  Path path = bundled(graph, seed);
  for (Choice& choice : path.choices) choice.bundle = std::max(choice.bundle, 0);
  const auto given = test::random_tensors(graph, NodeKind::weight, {}, seed);
  const WeightSet weights(given.begin(), given.end());
  Session alone = session_of(path, weights, 1);
  Session beside = session_of(path, weights, threads);
  for (const Bindings& bindings : {Bindings{{"N", 4}, {"past", 2}}, Bindings{{"N", 1}, {"past", 1}},
                                   Bindings{{"N", 9}, {"past", 7}}}) {
    const auto inputs = test::random_tensors(graph, NodeKind::input, bindings, ++seed);
    for (Session* session : {&alone, &beside}) {
      session->bind(bindings);
      for (const auto& [name, tensor] : inputs) session->set_input(name, tensor);
    }
    for (int run = 0; run < 3; ++run) {
      alone.run();
      beside.run();
      for (const NamedOutput& output : graph.outputs()) {
        ASSERT_EQ(bytes_of(beside.output(output.name)), bytes_of(alone.output(output.name)))
            << output.name << " of\n"
            << to_text(beside.plan());
      }
    }
  }
}

TEST(SideBySide, GivesTheBytesOfOneThread) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    for (const int threads : {2, 3}) {
      ASSERT_NO_FATAL_FAILURE(expect_the_bytes_of_one_thread(graph, seed, threads))
          << "seed " << seed << ", threads " << threads;
    }
  }
}

// Beside nodes of all threads.
TEST(SideBySide, RunsRandomGraphsLikeTheOracle) {
  const Bindings bindings = {{"N", 9}, {"past", 7}};
  for (std::uint64_t seed = 200; seed < 280; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const auto given = test::random_tensors(graph, NodeKind::weight, {}, seed);
    const WeightSet weights(given.begin(), given.end());
    Session session = session_of(bundled(graph, seed), weights, 2);
    std::map<std::string, Tensor> states;
    session.bind(bindings);
    for (int run = 0; run < 3; ++run) {
      const auto inputs =
          test::random_tensors(graph, NodeKind::input, bindings, seed + static_cast<unsigned>(run));
      for (const auto& [name, tensor] : inputs) session.set_input(name, tensor);
      session.run();
      const auto expected = interpret(graph, ops::all_ops(), bindings, inputs, weights, &states);
      for (const auto& [name, tensor] : expected) {
        ASSERT_LT(compare(session.output(name), tensor.view()).relative, 1e-4)
            << name << " of seed " << seed << "\n"
            << to_text(session.plan());
      }
    }
  }
}

Graph lookups() {
  return parse_graph(
      "graph \"g\" { weight table: f32[4,2] input i: i64[3] input j: i64[3] a = embedding(i, table)"
      " b = embedding(j, table) output p = a output q = b }",
      ops::all_ops());
}

// What a kernel finds in its data on another thread reaches the caller, and the next run is well.
TEST(SideBySide, ARefusalComesOutOfARun) {
  const Graph graph = lookups();
  Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  for (Choice& choice : path.choices) choice.bundle = 0;
  const WeightSet weights = {
      {"table", Tensor::of<float>({4, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})}};
  Session session = session_of(path, weights, 2);
  session.bind({});
  const auto indices = [](std::int64_t last) {
    return Tensor::of<std::int64_t>({3}, std::vector<std::int64_t>{0, 1, last});
  };
  for (int round = 0; round < 20; ++round) {
    session.set_input("i", indices(2));
    session.set_input("j", indices(9));
    EXPECT_THAT([&] { session.run(); }, Throws<Error>(Property(&Error::what, HasSubstr("9"))));
    session.set_input("j", indices(3));
    session.run();
    EXPECT_EQ(session.output("q").as<float>()[5], 8);
  }
}

TEST(SideBySide, AProfileHasATimeOfEachInstruction) {
  const Graph graph = lookups();
  Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  for (Choice& choice : path.choices) choice.bundle = 0;
  const WeightSet weights = {{"table", Tensor(Dtype::f32, {4, 2})}};
  Session session = session_of(path, weights, 2);
  session.bind({});
  for (const char* name : {"i", "j"}) session.set_input(name, Tensor(Dtype::i64, {3}));
  EXPECT_THAT(session.profile(3), SizeIs(2));
}

}  // namespace
}  // namespace paceline
