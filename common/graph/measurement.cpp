#include "common/graph/measurement.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"

namespace paceline {
namespace {

constexpr std::array<std::string_view, 2> regime_names = {"cold", "hot"};
constexpr std::array<std::string_view, 7> outcome_names = {
    "ok", "wrong", "unsupported", "timeout", "crashed", "out_of_memory", "polluted"};
constexpr std::array<std::string_view, 4> verdict_names = {"faster", "slower", "tied", "unknown"};

// Kernels closer than this are one as good as the other, however well they were measured.
constexpr double tie_margin = 0.05;

template <typename Enum, std::size_t count>
std::optional<Enum> parse(const std::array<std::string_view, count>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

double median(const std::vector<double>& sorted) {
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// How many of the `count` smallest values lie below the interval: the largest k for which
// P(Binomial(count, 1/2) <= k - 1) stays within 2.5 %.
std::size_t values_below_interval(std::size_t count) {
  const auto n = static_cast<double>(count);
  double cumulative = 0;
  for (std::size_t k = 0; k < count / 2; ++k) {
    const double log_choose = std::lgamma(n + 1) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1);
    cumulative += std::exp(log_choose - n * std::log(2.0));
    if (cumulative > 0.025) return k;
  }
  return count / 2;
}

}  // namespace

std::string_view to_string(Regime regime) { return regime_names[static_cast<int>(regime)]; }
std::optional<Regime> parse_regime(std::string_view name) {
  return parse<Regime>(regime_names, name);
}

std::string_view to_string(Outcome outcome) { return outcome_names[static_cast<int>(outcome)]; }
std::optional<Outcome> parse_outcome(std::string_view name) {
  return parse<Outcome>(outcome_names, name);
}

std::string_view to_string(Verdict verdict) { return verdict_names[static_cast<int>(verdict)]; }

Verdict compare(const Measurement& a, const Measurement& b) {
  if (a.outcome != Outcome::ok || b.outcome != Outcome::ok) return Verdict::unknown;
  if (a.workload != b.workload || a.machine != b.machine || a.environment != b.environment ||
      a.regime != b.regime) {
    return Verdict::unknown;
  }
  return compare(a.summary, b.summary, std::max(a.noise_floor, b.noise_floor));
}

Verdict compare(const Summary& a, const Summary& b, double noise_floor) {
  if (!(a.low_s > 0) || !(b.low_s > 0)) return Verdict::unknown;
  if (a.high_s < b.low_s && a.median_s * (1 + noise_floor) < b.median_s) return Verdict::faster;
  if (b.high_s < a.low_s && b.median_s * (1 + noise_floor) < a.median_s) return Verdict::slower;
  const double widest = std::max(a.high_s / b.low_s, b.high_s / a.low_s);
  return widest <= 1 + std::max(noise_floor, tie_margin) ? Verdict::tied : Verdict::unknown;
}

std::map<std::int32_t, double> block_medians(const std::vector<double>& samples_s,
                                             const std::vector<std::int32_t>& blocks) {
  check(samples_s.size() == blocks.size(), "a block for each sample");
  std::map<std::int32_t, std::vector<double>> by_block;
  for (std::size_t i = 0; i < samples_s.size(); ++i) by_block[blocks[i]].push_back(samples_s[i]);
  std::map<std::int32_t, double> medians;
  for (auto& [block, samples] : by_block) {
    std::ranges::sort(samples);
    medians[block] = median(samples);
  }
  return medians;
}

Summary summarize(const std::vector<double>& samples_s, const std::vector<std::int32_t>& blocks) {
  if (samples_s.empty()) return {};
  std::vector<double> medians;
  for (const auto& [block, value] : block_medians(samples_s, blocks)) medians.push_back(value);
  std::ranges::sort(medians);
  const std::size_t below = values_below_interval(medians.size());
  const std::size_t low = below > 0 ? below - 1 : 0;
  return {.median_s = median(medians),
          .low_s = medians[low],
          .high_s = medians[medians.size() - 1 - low],
          .minimum_s = *std::ranges::min_element(samples_s),
          .samples = static_cast<int>(samples_s.size()),
          .blocks = static_cast<int>(medians.size())};
}

}  // namespace paceline
