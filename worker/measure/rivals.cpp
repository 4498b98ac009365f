#include "worker/measure/rivals.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "common/base/random.h"
#include "worker/measure/interleave.h"

namespace paceline {
namespace {

constexpr int screening_blocks = 2;
constexpr double far_behind = 3;
// Beyond this, and outside each other's intervals, more blocks only say again who is behind.
constexpr double clearly_behind = 1.2;
// From here on an interval of 95 % exists (see `summarize`).
constexpr int blocks_for_interval = 6;
constexpr int calls_max = 1'000'000;

void take_block(TimedRival& rival, std::int32_t block) {
  for (int i = 0; i < rival.samples_per_block; ++i) {
    const TimedSample sample = rival.sample(rival.calls);
    const double seconds = sample.seconds / rival.calls;
    if (sample.disturbance.empty()) {
      rival.samples_s.push_back(seconds);
      rival.blocks.push_back(block);
    } else {
      rival.discarded.push_back({seconds, block, sample.disturbance});
    }
  }
}

// Also of a rival whose samples were all disturbed, so that it is not taken for a fast one.
double typical_seconds(const TimedRival& rival) {
  std::vector<double> seconds = rival.samples_s;
  for (const auto& discarded : rival.discarded) seconds.push_back(discarded.seconds);
  return summary_of(seconds).median_s;
}

bool is_settled(const TimedRival& rival, const MeasureBudget& budget, std::int32_t block) {
  if (block >= budget.blocks_max) return true;
  const Summary summary = rival.summary();
  return summary.blocks >= blocks_for_interval &&
         summary.relative_width() <= budget.relative_interval;
}

// By the blocks in which both have samples.
double noise_between(const TimedRival& a, const TimedRival& b) {
  const auto of_b = block_medians(b.samples_s, b.blocks);
  std::vector<double> left;
  std::vector<double> right;
  for (const auto& [block, seconds] : block_medians(a.samples_s, a.blocks)) {
    const auto other = of_b.find(block);
    if (other == of_b.end()) continue;
    left.push_back(seconds);
    right.push_back(other->second);
  }
  if (left.empty()) return 0;
  const Ratio ratio = ratio_of(left, right);
  return std::max(std::abs(ratio.low - 1), std::abs(ratio.high - 1));
}

// The index of the best. Those far behind it run no longer; its twin, put last, does.
std::size_t screen(std::vector<TimedRival>& rivals, std::vector<std::size_t>& running) {
  std::vector<double> seconds;
  for (const TimedRival& rival : rivals) seconds.push_back(typical_seconds(rival));
  const std::size_t best = std::ranges::min_element(seconds) - seconds.begin();
  std::erase_if(running, [&](std::size_t i) { return seconds[i] > far_behind * seconds[best]; });
  const TimedRival& original = rivals[best];
  TimedRival twin{.sample = original.sample,
                  .calls = original.calls,
                  .samples_per_block = original.samples_per_block};
  running.push_back(rivals.size());
  rivals.push_back(std::move(twin));
  return best;
}

// Those whose interval lies clearly above the best one's run no longer; its twin, the last, does.
void retire(const std::vector<TimedRival>& rivals, std::size_t best,
            std::vector<std::size_t>& running) {
  const Summary ahead = rivals[best].summary();
  if (ahead.blocks < blocks_for_interval) return;
  std::erase_if(running, [&](std::size_t i) {
    if (i == best || i + 1 == rivals.size()) return false;
    const Summary own = rivals[i].summary();
    return own.blocks >= blocks_for_interval && own.low_s > clearly_behind * ahead.high_s;
  });
}

}  // namespace

Race race(std::vector<TimedRival> rivals, const MeasureBudget& budget, std::uint64_t seed) {
  Random random(seed);
  const std::int64_t end_ns = monotonic_ns() + budget.time.count();
  std::vector<std::size_t> running(rivals.size());
  std::iota(running.begin(), running.end(), std::size_t{0});
  std::optional<std::size_t> best;
  for (std::int32_t block = 0; !running.empty(); ++block) {
    if (block >= screening_blocks && monotonic_ns() >= end_ns) break;
    if (block == screening_blocks) best = screen(rivals, running);
    shuffle(running, random);
    for (const std::size_t i : running) take_block(rivals[i], block);
    if (best) retire(rivals, *best, running);
    // The twins run to the end, so that the noise floor covers the whole race.
    const bool all_settled = std::ranges::all_of(
        running, [&](std::size_t i) { return is_settled(rivals[i], budget, block + 1); });
    if (block >= screening_blocks && all_settled) break;
  }
  Race finished;
  if (best) {
    finished.noise_floor = noise_between(rivals[*best], rivals.back());
    rivals.pop_back();
  }
  finished.rivals = std::move(rivals);
  return finished;
}

int calls_for(const TimedRival& rival, double seconds) {
  int calls = 1;
  for (;;) {
    const double taken = rival.sample(calls).seconds;
    if (taken >= seconds || calls >= calls_max) return calls;
    // A tenth of the goal is long enough to reckon from.
    if (taken >= seconds / 10) return static_cast<int>(std::ceil(calls * seconds / taken));
    calls = std::min(calls_max, calls * 4);
  }
}

}  // namespace paceline
