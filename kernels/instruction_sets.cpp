#include "kernels/instruction_sets.h"

#include <fstream>
#include <iterator>
#include <sstream>

namespace paceline::kernels {
namespace {

// The line is called "flags" on x86 and "Features" on Arm.
std::set<std::string> read_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream names(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(names), {}};
  }
  return {};
}

}  // namespace

const std::set<std::string>& instruction_sets() {
  static const std::set<std::string> flags = read_flags();
  return flags;
}

}  // namespace paceline::kernels
