#pragma once

#include <optional>
#include <vector>

#include "common/graph/machine.h"
#include "scheduler/cost/work_size.h"

namespace paceline {

// What one kernel made of the roofline's bound, on whatever shapes it was measured.
class Calibration {
 public:
  explicit Calibration(const Roofline& roofline) : roofline_(roofline) {}

  void add(const WorkSize& work, double seconds);

  struct Prediction {
    double seconds = 0;
    double low_s = 0;
    double high_s = 0;
  };
  // The bound and a call, times the mean ratio of times to these among the rows that are nearest in
  // flops and bytes, by inverse distance (Shepard, 1968). The interval holds what these rows show,
  // and widens with the distance of the nearest. nullopt with fewer rows than say anything.
  std::optional<Prediction> predict(const WorkSize& work) const;

 private:
  struct Row {
    WorkSize work;     // In logs, of one at least.
    double ratio = 0;  // In log.
  };

  double base_s(const WorkSize& work) const;

  Roofline roofline_;
  std::vector<Row> rows_;
};

}  // namespace paceline
