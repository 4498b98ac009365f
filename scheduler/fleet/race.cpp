#include "scheduler/fleet/race.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/error.h"

namespace paceline::fleet {

namespace {

constexpr std::array<std::string_view, 5> state_names = {"studying", "racing", "done", "failed",
                                                         "dropped"};

std::vector<Race::Runner*> runners_in(Race& race) {
  std::vector<Race::Runner*> in;
  for (Race::Runner& runner : race.runners) {
    if (runner.is_in) in.push_back(&runner);
  }
  return in;
}

std::size_t count_in(const Race& race) {
  return static_cast<std::size_t>(std::ranges::count(race.runners, true, &Race::Runner::is_in));
}

// Only so many go into the last round.
void leave_room(std::span<Race::Runner*> fastest_first, std::size_t places) {
  for (std::size_t i = places; i < fastest_first.size(); ++i) fastest_first[i]->is_in = false;
}

}  // namespace

std::string_view to_string(RaceState state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<RaceState> parse_race_state(std::string_view name) {
  const auto found = std::ranges::find(state_names, name);
  if (found == state_names.end()) return std::nullopt;
  return static_cast<RaceState>(found - state_names.begin());
}

void begin(Race& race, std::span<const Contender> found, const RaceShape& shape) {
  check(!found.empty(), "a study finds at least the graph as it stands");
  race.state = RaceState::racing;
  race.round = 1;
  race.standing = found.front();
  std::set<PathId> seen = {race.standing.path};
  for (const Contender& contender : found.subspan(1)) {
    if (seen.insert(contender.path).second) race.runners.push_back({.contender = contender});
  }
  if (shape.rounds > 1) return;
  std::vector<Race::Runner*> in = runners_in(race);
  std::ranges::stable_sort(in, {},
                           [](const Race::Runner* one) { return one->contender.predicted_s; });
  leave_room(in, static_cast<std::size_t>(shape.batch));
}

bool is_last_round(const Race& race, const RaceShape& shape) {
  return race.round >= shape.rounds || count_in(race) <= static_cast<std::size_t>(shape.batch);
}

int blocks_of_round(const Race& race, const RaceShape& shape) {
  if (is_last_round(race, shape)) return shape.blocks_last;
  int blocks = shape.blocks_first;
  for (int round = 1; round < race.round && blocks < shape.blocks_last; ++round) blocks *= 2;
  return std::min(blocks, shape.blocks_last);
}

std::vector<std::vector<Contender>> batches(const Race& race, const RaceShape& shape) {
  const std::size_t in = count_in(race);
  const auto size = static_cast<std::size_t>(shape.batch);
  const std::size_t count = std::max<std::size_t>(1, (in + size - 1) / size);
  std::vector<std::vector<Contender>> sittings(count, {race.standing});
  std::size_t next = 0;
  for (const Race::Runner& runner : race.runners) {
    if (runner.is_in) sittings[next++ % count].push_back(runner.contender);
  }
  return sittings;
}

void record(Race& race, int round, std::span<const PathTime> times) {
  if (race.state != RaceState::racing || round != race.round) return;
  const auto standing = std::ranges::find(times, race.standing.path, &PathTime::path);
  const bool compares = standing != times.end() && standing->is_ok && standing->median_s > 0;
  for (Race::Runner& runner : race.runners) {
    const auto time = std::ranges::find(times, runner.contender.path, &PathTime::path);
    if (time == times.end() || !runner.is_in) continue;
    runner.round = round;
    runner.ratio.reset();
    if (compares && time->is_ok) runner.ratio = time->median_s / standing->median_s;
  }
}

void end_round(Race& race, const RaceShape& shape) {
  const bool was_last = is_last_round(race, shape);
  for (Race::Runner* runner : runners_in(race)) {
    if (runner->round != race.round || !runner->ratio) runner->is_in = false;
  }
  if (was_last) {
    race.state = RaceState::done;
    return;
  }
  std::vector<Race::Runner*> in = runners_in(race);
  std::ranges::stable_sort(in, {}, [](const Race::Runner* one) { return *one->ratio; });
  leave_room(in, (in.size() + 1) / 2);
  ++race.round;
  if (race.round >= shape.rounds) leave_room(in, static_cast<std::size_t>(shape.batch));
}

}  // namespace paceline::fleet
