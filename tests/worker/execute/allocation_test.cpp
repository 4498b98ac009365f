// Counts what the calling thread allocates, for the one promise that only this can show.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"

namespace {
thread_local std::int64_t allocation_count = 0;
}

void* operator new(std::size_t size) {
  ++allocation_count;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace paceline {
namespace {

TEST(Run, AllocatesNothing) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Bindings bindings = {{"N", 4}, {"past", 2}};
    const Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
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
