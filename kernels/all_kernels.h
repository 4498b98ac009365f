#pragma once

#include <string_view>
#include <vector>

#include "kernels/kernel.h"

namespace paceline::kernels {

// Every kernel of this program that this machine can run: the build lists the folders; kernels
// whose instruction set, library or device is missing are left out. Any thread.
const std::vector<Kernel>& all_kernels();

const Kernel* find_kernel(std::string_view name);
std::vector<const Kernel*> kernels_of(std::string_view op);

}  // namespace paceline::kernels
