#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/graph/measurement.h"

namespace paceline {

struct Contestant {
  std::string name;
  std::function<void()> run;
};

// Times whole contestants in random blocks: every block runs each of them `calls_per_block` times
// in a fresh random order, so that drift of the machine meets all alike. Before, each runs
// `warm_ups` times. Returns for each contestant one sample (the block's median, in seconds) a
// block.
std::vector<std::vector<double>> interleave(const std::vector<Contestant>& contestants, int blocks,
                                            int calls_per_block, std::uint64_t seed,
                                            int warm_ups = 1);

Summary summary_of(const std::vector<double>& samples);  // Each sample its own block.

// The ratio a/b of block medians is what a noisy machine can still tell: median with interval.
struct Ratio {
  double median = 0;
  double low = 0;
  double high = 0;
};
// `a` and `b` are samples of the same blocks, in block order.
Ratio ratio_of(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace paceline
