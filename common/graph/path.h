#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/device.h"
#include "common/graph/graph.h"
#include "common/graph/kernel_info.h"

namespace paceline {

// Where the time of one kernel on one workload comes from. A guess is never passed off as a
// measurement.
enum class Origin {
  measured_here,   // This machine and environment.
  measured_model,  // The same model of machine, or another environment: see `stale`.
  interpolated,    // Between measured shapes.
  roofline,        // Flops and bytes over the calibrated peaks.
};
std::string_view to_string(Origin origin);

struct Estimate {
  double seconds = 0;
  double low_s = 0;
  double high_s = 0;
  Origin origin = Origin::roofline;
  double noise_floor = 0;
  double error_relative = 0;           // Of the kernel on this workload, where measured.
  bool stale = false;                  // Measured under another driver, OS or kernel version.
  std::vector<MeasurementId> records;  // Behind a measurement.
};

// The choice for one op node: views have none.
struct Choice {
  std::int32_t node = -1;
  std::string kernel;
  Device device;
  // One thread computes it: beside the others of its bundle, as far as none of them needs another.
  // -1: all threads do. Of the CPU alone.
  std::int32_t bundle = -1;
};

// Every choice that turns a graph into work. `graph` is already rewritten.
struct Path {
  Graph graph;
  std::vector<Choice> choices;  // By node.

  PathId id() const;
};

std::string to_text(const Path& path);
Path parse_path(std::string_view text, const OpSet& ops);  // Throws `invalid`.

}  // namespace paceline
