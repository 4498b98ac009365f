#pragma once

#include <string_view>
#include <vector>

#include "kernels/kernel.h"

namespace paceline::kernels {

// Every kernel of this program that this machine's processors can run: the build lists the folder;
// kernels whose instruction set or library is missing are left out. Any thread.
const std::vector<Kernel>& all_kernels();
// Those of the devices. The CPU alone never touches CUDA. Throws `unsupported` with the reason when
// the set names a GPU that cannot be used here.
const std::vector<Kernel>& kernels_on(const DeviceSet& devices);
// The CPU's and all that the CUDA module has, with a GPU or without: to speak of other machines.
const std::vector<Kernel>& catalogued_kernels();

// Among catalogued_kernels().
const Kernel* find_kernel(std::string_view name);
std::vector<const Kernel*> kernels_of(std::string_view op);  // Of the CPU.

}  // namespace paceline::kernels
