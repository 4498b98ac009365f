#pragma once

#include <set>
#include <string>

namespace paceline::kernels {

// What this machine's processors offer, by the names of /proc/cpuinfo: "avx2", "avx512_bf16".
// Read once. Any thread.
const std::set<std::string>& instruction_sets();

}  // namespace paceline::kernels
