// Counts what the calling thread allocates, for the one promise that only this can show.

#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/allocation_count.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

using testing::allocation_count;

TEST(Run, AllocatesNothing) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Bindings bindings = {{"N", 4}, {"past", 2}};
    Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
    if (seed % 2 == 1) path = test::in_random_bundles(std::move(path), seed);
    const auto weights = test::random_tensors(graph, NodeKind::weight, {}, seed);
    Session session(compile(path, ops::all_ops(), kernels::all_kernels(), bindings, {}),
                    ops::all_ops(), kernels::all_kernels(), {weights.begin(), weights.end()}, {});
    session.bind(bindings);
    for (const auto& [name, tensor] : test::random_tensors(graph, NodeKind::input, bindings, 1)) {
      session.set_input(name, tensor);
    }
    session.run();  // oneTBB sets up its thread on the first.
    const std::int64_t before = allocation_count;
    session.run();
    EXPECT_EQ(allocation_count, before) << to_text(session.plan());
  }
}

}  // namespace
}  // namespace paceline
