#include "kernels/all_kernels.h"

#include <algorithm>

namespace paceline::kernels {

const Kernel* find_kernel(std::string_view name) {
  const auto& all = all_kernels();
  const auto found =
      std::ranges::find(all, name, [](const Kernel& kernel) { return kernel.info.name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<const Kernel*> kernels_of(std::string_view op) {
  std::vector<const Kernel*> found;
  for (const Kernel& kernel : all_kernels()) {
    if (kernel.info.op == op) found.push_back(&kernel);
  }
  return found;
}

}  // namespace paceline::kernels
