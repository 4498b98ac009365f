#include "worker/compile/bundles.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Lanes = std::vector<std::vector<std::int32_t>>;

// All op nodes that do work, in one bundle.
Plan in_one_bundle(std::string_view statements) {
  const Graph graph =
      parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops::all_ops());
  Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  for (Choice& choice : path.choices) choice.bundle = 0;
  return compile(path, ops::all_ops(), kernels::all_kernels(), {{"N", 4}}, {.threads = 2});
}

Lanes lanes_of(std::string_view statements) {
  const std::vector<Bundle> bundles = bundles_of(in_one_bundle(statements));
  EXPECT_THAT(bundles, SizeIs(1));
  return bundles.front().lanes;
}

TEST(Bundles, ThereAreNoneWhereNoNodeIsInOne) {
  const Graph graph =
      parse_graph("graph \"g\" { input x: f32[N] a = neg(x) output y = a }", ops::all_ops());
  const Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  EXPECT_THAT(bundles_of(compile(path, ops::all_ops(), kernels::all_kernels(), {{"N", 4}}, {})),
              IsEmpty());
}

TEST(Bundles, BranchesAreLanes) {
  EXPECT_EQ(lanes_of("input x: f32[N] a = neg(x) b = exp(x) c = exp(b) output p = a output q = c"),
            (Lanes{{0}, {1, 2}}));
}

TEST(Bundles, WhatNeedsTwoLanesJoinsThem) {
  EXPECT_EQ(lanes_of("input x: f32[N] a = neg(x) b = exp(x) c = tanh(x) d = add(a, c) "
                     "output p = b output q = d"),
            (Lanes{{0, 2, 3}, {1}}));
}

// Who reads a state runs before who writes over it, though neither needs the other.
TEST(Bundles, ReadersAndWritersOfAStateAreOneLane) {
  EXPECT_EQ(lanes_of("state s: f32[4] input x: f32[1] a = neg(s) b = exp(s) c = exp(x) "
                     "u = update_slice(s, c, axis=0, start=0) "
                     "output p = a output q = b update s = u"),
            (Lanes{{0, 1, 2, 3}}));
}

TEST(Bundles, TwoStatesAreTwoLanes) {
  EXPECT_EQ(lanes_of("state s: f32[4] state t: f32[4] input x: f32[1] "
                     "u = update_slice(s, x, axis=0, start=0) "
                     "v = update_slice(t, x, axis=0, start=0) update s = u update t = v"),
            (Lanes{{0}, {1}}));
}

// The last reader of a value would take its memory, were the others not beside it.
TEST(Bundles, NobodyOverwritesWhatAnotherLaneReads) {
  const Lanes lanes = lanes_of(
      "input x: f32[N] h = neg(x) a = exp(h) b = tanh(h) c = abs(h) output p = a output q = b "
      "output r = c");
  EXPECT_EQ(lanes, (Lanes{{0, 1, 2, 3}}));  // All need h.
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[N] h = neg(x) a = exp(h) b = tanh(h) c = abs(h) output p = a "
      "output q = b output r = c }",
      ops::all_ops());
  Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  for (std::size_t i = 1; i < path.choices.size(); ++i) path.choices[i].bundle = 7;
  const std::vector<Bundle> bundles =
      bundles_of(compile(path, ops::all_ops(), kernels::all_kernels(), {{"N", 4}}, {.threads = 2}));
  ASSERT_THAT(bundles, SizeIs(1));
  EXPECT_EQ(bundles[0].first, 1);
  EXPECT_EQ(bundles[0].end, 4);
  EXPECT_THAT(bundles[0].lanes, ElementsAre(ElementsAre(1), ElementsAre(2), ElementsAre(3)));
}

// A piece of memory: where it is, and from where to where.
struct Piece {
  Plan::Storage storage = Plan::Storage::slot;
  std::int32_t node = -1;  // Of what is no slot.
  std::int64_t begin = 0, end = 0;

  bool meets(const Piece& other) const {
    if (storage != other.storage || node != other.node) return false;
    return storage != Plan::Storage::slot || (begin < other.end && other.begin < end);
  }
};

class Pieces {
 public:
  Pieces(const Plan& plan, const Bindings& bindings)
      : plan_(plan), bytes_(slot_bytes(plan, bindings)), layout_(lay_out(plan.slots, bytes_)) {}

  std::vector<Piece> written(const Plan::Instruction& instruction) const {
    std::vector<Piece> pieces;
    for (const std::int32_t tensor : instruction.outputs) pieces.push_back(of(tensor));
    if (instruction.workspace >= 0) pieces.push_back(slot(instruction.workspace));
    return pieces;
  }
  std::vector<Piece> used(const Plan::Instruction& instruction) const {
    std::vector<Piece> pieces = written(instruction);
    for (const std::int32_t tensor : instruction.inputs) pieces.push_back(of(tensor));
    return pieces;
  }

 private:
  Piece slot(std::int32_t index) const {
    const std::int64_t begin = layout_.offsets[index];
    return {Plan::Storage::slot, -1, begin, begin + bytes_[index]};
  }
  Piece of(std::int32_t tensor) const {
    const Plan::Tensor& found = plan_.tensors[tensor];
    return found.storage == Plan::Storage::slot ? slot(found.index)
                                                : Piece{found.storage, found.index};
  }

  const Plan& plan_;
  const std::vector<std::int64_t> bytes_;
  const ArenaLayout layout_;
};

void expect_lanes_apart(const Plan& plan, const Bundle& bundle, const Pieces& pieces) {
  for (const auto& lane : bundle.lanes) {
    for (const auto& other : bundle.lanes) {
      if (&lane == &other) continue;
      for (const std::int32_t a : lane) {
        for (const std::int32_t b : other) {
          for (const Piece& written : pieces.written(plan.instructions[a])) {
            for (const Piece& used : pieces.used(plan.instructions[b])) {
              ASSERT_FALSE(written.meets(used)) << a << " and " << b << " of\n" << to_text(plan);
            }
          }
        }
      }
    }
  }
}

TEST(Bundles, LanesNeverMeetInMemoryWhateverIsBundled) {
  int side_by_side = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Path path = test::in_random_bundles(
        test::plain_path(graph, ops::all_ops(), kernels::all_kernels()), seed);
    const Plan plan = compile(path, ops::all_ops(), kernels::all_kernels(), {{"N", 4}, {"past", 2}},
                              {.threads = 2});
    for (const Bundle& bundle : bundles_of(plan)) {
      side_by_side += bundle.lanes.size() > 1 ? 1 : 0;
      for (const std::int64_t n : {1, 4, 9}) {
        ASSERT_NO_FATAL_FAILURE(
            expect_lanes_apart(plan, bundle, Pieces(plan, {{"N", n}, {"past", 7}})))
            << "seed " << seed;
      }
    }
  }
  EXPECT_GT(side_by_side, 50);
}

}  // namespace
}  // namespace paceline
