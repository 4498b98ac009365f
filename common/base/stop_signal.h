#pragma once

namespace paceline {

// Counts SIGTERM and SIGINT from its making on, for loops of daemons that look at it between steps;
// the signals also interrupt waits. One a program.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  int count() const;  // Any thread.
};

}  // namespace paceline
