#include "ops-tools/bench/race.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "common/base/random.h"
#include "ops-tools/command.h"

namespace paceline::bench {
namespace {

using namespace std::chrono_literals;

constexpr int screening_rounds = 3;
constexpr int calls_max = 1000;
// Worker threads of some runtimes spin for a while after a call: they must not meet the next turn.
// After 3 ms ONNX Runtime's still held a core in more than half of the rounds.
constexpr auto pause_between_turns = 30ms;

double sum_of_phases(const Calls& calls) {
  double sum = 0;
  for (const auto& [phase, seconds] : calls) sum += summary_of(seconds).median_s;
  return sum;
}

// Enough calls to fill a turn, judged by one.
void set_pace(Entrant& entrant, const RaceOptions& options) {
  const auto calls = entrant.contestant.run(1);
  if (!calls) return;
  const double seconds = std::max(sum_of_phases(*calls), 1e-9);
  entrant.calls_per_round =
      static_cast<int>(std::clamp(options.turn_seconds / seconds, 1.0, double{calls_max}));
  std::this_thread::sleep_for(pause_between_turns);
}

void take_turn(Entrant& entrant) {
  const auto calls = entrant.contestant.run(entrant.calls_per_round);
  if (!calls) return;
  for (const auto& [phase, seconds] : *calls) {
    entrant.rounds[phase].push_back(summary_of(seconds).median_s);
  }
  std::this_thread::sleep_for(pause_between_turns);
}

// Infinite for who has failed.
double score(const Entrant& entrant) {
  if (entrant.contestant.has_failed()) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (const auto& [phase, medians] : entrant.rounds) sum += summary_of(medians).median_s;
  return sum;
}

std::string describe(const Entrant& entrant) {
  const std::string& form = entrant.contestant.launch().form;
  if (entrant.contestant.has_failed()) return form + ": " + entrant.contestant.failure();
  return fmt::format("{}: {}", form, format_seconds(score(entrant)));
}

}  // namespace

void race(std::vector<Entrant>& entrants, const RaceOptions& options) {
  Random random(options.seed);
  std::vector<std::size_t> order(entrants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (Entrant& entrant : entrants) {
    if (options.is_stopped && options.is_stopped()) return;
    set_pace(entrant, options);
  }
  for (int round = 0; round < options.rounds; ++round) {
    shuffle(order, random);
    for (const std::size_t i : order) {
      if (options.is_stopped && options.is_stopped()) return;
      take_turn(entrants[i]);
    }
  }
}

std::vector<Entrant> keep_quickest_forms(std::vector<Entrant> entrants, const RaceOptions& options,
                                         std::map<std::string, std::vector<std::string>>& slower) {
  RaceOptions screening = options;
  screening.rounds = std::min(screening_rounds, options.rounds);
  race(entrants, screening);
  std::map<std::string, std::size_t> quickest;
  for (std::size_t i = 0; i < entrants.size(); ++i) {
    const auto [found, is_first] = quickest.emplace(entrants[i].contestant.launch().peer, i);
    if (!is_first && score(entrants[i]) < score(entrants[found->second])) found->second = i;
  }
  std::vector<Entrant> kept;
  for (std::size_t i = 0; i < entrants.size(); ++i) {
    const std::string peer = entrants[i].contestant.launch().peer;
    if (quickest.at(peer) == i) {
      kept.push_back({.contestant = std::move(entrants[i].contestant)});
    } else {
      slower[peer].push_back(describe(entrants[i]));
    }
  }
  return kept;
}

}  // namespace paceline::bench
