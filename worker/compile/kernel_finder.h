#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/kernel.h"

namespace paceline {

// Finds kernels by op and name; those that it met before at once: a plan names few, many times.
// Borrows the kernels. One thread.
class KernelFinder {
 public:
  explicit KernelFinder(std::span<const Kernel> kernels) : kernels_(kernels) {}

  // Throws `unsupported` when there is none.
  const Kernel& find(std::string_view op, std::string_view name);

 private:
  std::span<const Kernel> kernels_;
  std::vector<const Kernel*> met_;
};

}  // namespace paceline
