#include "kernels/cpu/support/team.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/cpu/support/parallel.h"

namespace paceline::kernels::cpu {
namespace {

// A team of `threads`, led by the test for as long as `body` runs.
template <typename Body>
void lead(int threads, const Body& body) {
  tbb::task_arena arena(threads);
  arena.execute([&] {
    Team team(threads);
    const Team::Lead lead(team);
    body(team);
  });
}

TEST(Team, DoesEveryPieceOnceInEveryTurn) {
  for (const int threads : {1, 2, 5}) {
    lead(threads, [](Team& team) {
      for (std::int64_t pieces = 0; pieces < 300; ++pieces) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(pieces));
        team.run(pieces, [&](std::int64_t i) { ++done[i]; });
        for (const auto& count : done) ASSERT_EQ(count, 1);
      }
    });
  }
}

TEST(Team, SeesInTheNextTurnWhatTheLeaderWroteBetweenThem) {
  lead(2, [](Team& team) {
    std::vector<std::int64_t> of_turn(16);
    for (std::int64_t turn = 1; turn <= 20000; ++turn) {
      for (auto& value : of_turn) value = turn;
      std::atomic<std::int64_t> sum = 0;
      team.run(16, [&](std::int64_t i) { sum += of_turn[i]; });
      ASSERT_EQ(sum, 16 * turn);
    }
  });
}

TEST(Team, ComesBackAfterALongPause) {
  lead(2, [](Team& team) {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(90 + i));
      std::atomic<int> count = 0;
      team.run(100, [&](std::int64_t) { ++count; });
      ASSERT_EQ(count, 100);
    }
  });
}

TEST(Team, SharesOutWorkOnAllItsThreads) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one CPU";
  lead(2, [](Team& team) {
    const std::thread::id leader = std::this_thread::get_id();
    std::atomic<bool> has_helped = false;
    for (int i = 0; i < 1000 && !has_helped; ++i) {
      team.run(8, [&](std::int64_t) {
        if (std::this_thread::get_id() != leader) has_helped = true;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      });
    }
    EXPECT_TRUE(has_helped);
  });
}

TEST(Team, TellsTheLeaderWhatAPieceThrew) {
  lead(2, [](Team& team) {
    for (int i = 0; i < 200; ++i) {
      EXPECT_THROW(team.run(64,
                            [&](std::int64_t at) {
                              if (at % 32 == 5) throw std::runtime_error("piece");
                            }),
                   std::runtime_error);
      std::atomic<int> count = 0;
      team.run(10, [&](std::int64_t) { ++count; });
      EXPECT_EQ(count, 10);
    }
  });
}

TEST(Team, DoesTurnsWithinATurnByTheThreadThatWantsThem) {
  lead(2, [](Team& team) {
    std::atomic<int> count = 0;
    team.run(10, [&](std::int64_t) { parallel_pieces(10, [&](std::int64_t) { ++count; }); });
    EXPECT_EQ(count, 100);
  });
}

TEST(Team, LeavesTheArenaToOthersBetweenTurns) {
  lead(2, [](Team& team) {
    for (int i = 0; i < 50; ++i) {
      std::atomic<int> count = 0;
      team.run(4, [&](std::int64_t) { ++count; });
      tbb::parallel_for(0, 100, [&](int) { ++count; });
      ASSERT_EQ(count, 104);
    }
  });
}

TEST(Team, IsThatOfItsLeaderAlone) {
  EXPECT_EQ(Team::current(), nullptr);
  lead(2, [](Team& team) {
    EXPECT_EQ(Team::current(), &team);
    std::thread([] { EXPECT_EQ(Team::current(), nullptr); }).join();
    team.run(4, [](std::int64_t) { EXPECT_EQ(Team::current(), nullptr); });
  });
  EXPECT_EQ(Team::current(), nullptr);
}

}  // namespace
}  // namespace paceline::kernels::cpu
