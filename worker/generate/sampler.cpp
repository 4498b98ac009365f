#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/error.h"
#include "worker/generate/generator.h"

namespace paceline {

namespace {

struct Candidate {
  std::int64_t token = 0;
  double weight = 0;  // Proportional to its probability.
};

// Most likely first, the first of equals first.
std::vector<Candidate> candidates(std::span<const double> logits, double temperature) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<Candidate> result(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    result[i] = {static_cast<std::int64_t>(i), std::exp((logits[i] - highest) / temperature)};
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Candidate& a, const Candidate& b) { return a.weight > b.weight; });
  return result;
}

double total(std::span<const Candidate> candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), 0.0,
                         [](double sum, const Candidate& c) { return sum + c.weight; });
}

// The shortest head of `candidates` that holds the fraction `p` of their weight.
std::size_t nucleus(std::span<const Candidate> candidates, double p) {
  const double enough = p * total(candidates);
  double sum = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    sum += candidates[i].weight;
    if (sum >= enough) return i + 1;
  }
  return candidates.size();
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    throw invalid("temperature must be 0 or above: {}", options.temperature);
  }
  if (options.top_k < 0) throw invalid("top-k must be 0 or above: {}", options.top_k);
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw invalid("top-p must be above 0 and at most 1: {}", options.top_p);
  }
}

std::int64_t Sampler::draw(std::span<const double> logits) {
  const auto is_nan = [](double logit) { return std::isnan(logit); };
  if (std::any_of(logits.begin(), logits.end(), is_nan)) {
    throw invalid("the model's logits are not numbers: NaN");
  }
  if (options_.temperature == 0) {
    return std::max_element(logits.begin(), logits.end()) - logits.begin();
  }
  std::vector<Candidate> likely = candidates(logits, options_.temperature);
  if (options_.top_k > 0 && options_.top_k < static_cast<std::int64_t>(likely.size())) {
    likely.resize(options_.top_k);
  }
  likely.resize(nucleus(likely, options_.top_p));
  double left = random_.uniform() * total(likely);
  for (const Candidate& candidate : likely) {
    left -= candidate.weight;
    if (left < 0) return candidate.token;
  }
  return likely.back().token;
}

}  // namespace paceline
