#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ops-tools/bench/contestant.h"
#include "ops-tools/bench/peers.h"
#include "worker/measure/interleave.h"

namespace paceline::bench {

// One contestant's part in a race: by phase, the median of each round. A round in which it failed
// is missing, and so are those after it.
struct Entrant {
  Contestant contestant;
  std::map<std::string, std::vector<double>> rounds = {};
  int calls_per_round = 1;
};

struct RaceOptions {
  int rounds = 11;
  double turn_seconds = 0.1;  // Timed calls of one contestant in one round, about.
  std::uint64_t seed = 1;
  std::function<bool()> is_stopped = {};  // Looked at before each turn. May be null.
};

// Rounds in which each contestant has one turn, in a fresh random order, alone on its CPUs. Those
// that have failed are left out.
void race(std::vector<Entrant>& entrants, const RaceOptions& options);

// Keeps of each peer the form that is quickest in a short race, and names the others in `slower`
// ("eager: 12.3 ms"). The sum over phases counts. A form that fails only goes when another stands.
std::vector<Entrant> keep_quickest_forms(std::vector<Entrant> entrants, const RaceOptions& options,
                                         std::map<std::string, std::vector<std::string>>& slower);

}  // namespace paceline::bench
