#include "kernels/all_kernels.h"

#include <algorithm>

#include "kernels/instruction_sets.h"

namespace paceline::kernels {

// What the folders define; the build writes it.
std::vector<Kernel> listed_kernels();

namespace {

bool runs_here(const Kernel& kernel) {
  return std::ranges::all_of(kernel.info.accepts.isa, [](const std::string& name) {
    return instruction_sets().contains(name);
  });
}

std::vector<Kernel> usable_kernels() {
  std::vector<Kernel> kernels = listed_kernels();
  std::erase_if(kernels, [](const Kernel& kernel) { return !runs_here(kernel); });
  return kernels;
}

}  // namespace

const std::vector<Kernel>& all_kernels() {
  static const std::vector<Kernel> all = usable_kernels();
  return all;
}

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
