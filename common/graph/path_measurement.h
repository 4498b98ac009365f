#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/id.h"
#include "common/base/time.h"
#include "common/graph/dim.h"
#include "common/graph/measurement.h"

namespace paceline {

using PathMeasurementId = Id<struct PathMeasurementTag>;

// A prepared graph and a path of it, as rows: their text forms, which parse back.
struct GraphText {
  GraphId id;
  std::string name;
  std::string text;
};
struct PathText {
  PathId id;
  GraphId graph;  // What the path computes, before it was rewritten.
  std::string text;
};

// A path timed whole: sums of kernels miss cache effects. Immutable once stored.
struct PathMeasurement {
  PathMeasurementId id;
  PathId path;
  MachineId machine;
  EnvironmentId environment;
  Bindings bindings;
  Regime regime = Regime::hot;
  Outcome outcome = Outcome::ok;
  std::string reason;      // Why not ok; one line.
  double predicted_s = 0;  // The sum that the path was chosen by.
  Summary summary;         // Only when ok.
  std::vector<double> samples_s;
  std::vector<std::int32_t> blocks;
  double error_relative = 0;  // End to end, against the double reference; NaN: nobody checked.
  double error_elementwise = 0;
  double noise_floor = 0;
  std::optional<std::int64_t> activation_bytes;  // Its plan's arenas; rows of long ago lack it.
  std::int32_t method = 1;
  Time finished;
  std::string node;
};

}  // namespace paceline
