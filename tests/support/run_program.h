#pragma once

#include <string>
#include <vector>

namespace paceline::test {

struct Ran {
  int exit_code = -1;  // -1: ended by a signal.
  std::string out;
  std::string err;
};

// Runs a program of PACELINE_BIN_DIR to its end, with PACELINE_STORE unset.
Ran run_program(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace paceline::test
