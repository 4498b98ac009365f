#include "worker/dispatch/like_machines.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/error.h"

namespace paceline {
namespace {

struct Place {
  MachineId machine;
  EnvironmentId environment;
};

std::vector<Place> places_of(Store& store, GraphId graph) {
  const QueryTable table = store.query(fmt::format(
      "select machine, environment from path_measurement where path in (select id from path where "
      "graph = '{}') group by machine, environment order by max(finished_ns) desc",
      graph.to_string()));
  std::vector<Place> places;
  for (const std::vector<std::string>& row : table.rows) {
    const auto machine = MachineId::parse(row.at(0));
    const auto environment = EnvironmentId::parse(row.at(1));
    check(machine && environment, "a row's machine and environment are ids");
    places.push_back({*machine, *environment});
  }
  return places;
}

}  // namespace

std::vector<PathMeasurement> rows_of_like_machines(Store& store, GraphId graph,
                                                   const Machine& machine,
                                                   const Environment& environment) {
  for (const Place& place : places_of(store, graph)) {
    const auto its_machine = store.find(place.machine);
    const auto its_environment = store.find(place.environment);
    if (!its_machine || its_machine->model_key() != machine.model_key()) continue;
    if (!its_environment || its_environment->threads != environment.threads) continue;
    return store.path_measurements(graph, place.machine, place.environment);
  }
  return {};
}

}  // namespace paceline
