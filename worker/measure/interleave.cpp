#include "worker/measure/interleave.h"

#include <algorithm>
#include <numeric>

#include "common/base/random.h"
#include "common/base/time.h"

namespace paceline {
namespace {

double seconds_of(const std::function<void()>& run) {
  const std::int64_t start = monotonic_ns();
  run();
  return 1e-9 * static_cast<double>(monotonic_ns() - start);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Summary summary_of(const std::vector<double>& samples) {
  std::vector<std::int32_t> blocks(samples.size());
  std::iota(blocks.begin(), blocks.end(), 0);
  return summarize(samples, blocks);
}

std::vector<std::vector<double>> interleave(const std::vector<Contestant>& contestants, int blocks,
                                            int calls_per_block, std::uint64_t seed, int warm_ups) {
  Random random(seed);
  std::vector<std::size_t> order(contestants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::vector<double>> samples(contestants.size());
  for (const Contestant& contestant : contestants) {
    for (int i = 0; i < warm_ups; ++i) contestant.run();
  }
  for (int block = 0; block < blocks; ++block) {
    shuffle(order, random);
    for (const std::size_t i : order) {
      std::vector<double> calls;
      for (int call = 0; call < calls_per_block; ++call) {
        calls.push_back(seconds_of(contestants[i].run));
      }
      samples[i].push_back(median(std::move(calls)));
    }
  }
  return samples;
}

Ratio ratio_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) ratios.push_back(a[i] / b[i]);
  const Summary summary = summary_of(ratios);
  return {summary.median_s, summary.low_s, summary.high_s};
}

}  // namespace paceline
