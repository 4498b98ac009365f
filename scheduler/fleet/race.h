#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/path.h"
#include "scheduler/fleet/units.h"

// Paths of one graph against each other, timed whole by the workers of one class: successive
// halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification", 2016). Pure.
namespace paceline::fleet {

struct Contender {
  PathId path;
  double predicted_s = 0;
};

// What a sitting found of one path.
struct PathTime {
  PathId path;
  bool is_ok = false;  // It ran, within the tolerance.
  double median_s = 0;
};

// How much a round asks for.
struct RaceShape {
  int rounds = 4;        // At most; the last one times fewer paths with more blocks.
  int batch = 4;         // Paths of one sitting, besides the graph as it stands.
  int blocks_first = 7;  // Doubled from round to round.
  int blocks_last = 31;
};

enum class RaceState { studying, racing, done, failed, dropped };
std::string_view to_string(RaceState state);
std::optional<RaceState> parse_race_state(std::string_view name);

// One graph under one binding on one class. Round 0 is the study that finds the contenders. Each
// sitting of a later round times a batch of them beside the graph as it stands: what counts is a
// path's time as a multiple of that, so that sittings of several workers compare.
struct Race {
  struct Runner {
    Contender contender;
    int round = 0;                // The last that it was timed in.
    std::optional<double> ratio;  // In that round; empty when it did not run, or not well enough.
    bool is_in = true;
  };

  std::int64_t unit = 0;
  std::shared_ptr<const RacedGraph> raced = nullptr;
  MachineId machine = {};
  EnvironmentId environment = {};  // At `threads`.
  int threads = 0;

  RaceState state = RaceState::studying;
  int round = 0;
  Contender standing;
  std::vector<Runner> runners;  // The others.
};

// Round 1. The first of `found` is the graph as it stands; a path that comes twice runs once.
// Requires: `found` is not empty.
void begin(Race& race, std::span<const Contender> found, const RaceShape& shape);

// The sittings of the round under way; each begins with the graph as it stands, and there is at
// least one. Of like sizes, so that no worker waits long for the others.
std::vector<std::vector<Contender>> batches(const Race& race, const RaceShape& shape);
bool is_last_round(const Race& race, const RaceShape& shape);
int blocks_of_round(const Race& race, const RaceShape& shape);

// A sitting of round `round` came back; those of other rounds change nothing.
void record(Race& race, int round, std::span<const PathTime> times);

// The sittings of the round have ended. Who has no time in it is out, and so is the slower half;
// after the last round, nobody more, and the race is done. The last round has one sitting's paths.
void end_round(Race& race, const RaceShape& shape);

}  // namespace paceline::fleet
