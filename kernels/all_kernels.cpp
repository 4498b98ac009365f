#include "kernels/all_kernels.h"

#include <algorithm>

#include "common/base/error.h"
#include "kernels/cuda_module.h"
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

const Kernel* find_in(std::span<const Kernel> kernels, std::string_view name) {
  const auto found =
      std::ranges::find(kernels, name, [](const Kernel& kernel) { return kernel.info.name; });
  return found == kernels.end() ? nullptr : &*found;
}

void check_usable(int device) {
  if (const auto absence = cuda_absence()) {
    throw unsupported("cuda:{} cannot be used, {}: --device cpu works", device, *absence);
  }
  const int count = device_runtime()->count();
  if (device >= count) {
    throw unsupported("this machine has {} GPUs, the last is cuda:{}: cuda:{}", count, count - 1,
                      device);
  }
}

}  // namespace

const std::vector<Kernel>& all_kernels() {
  static const std::vector<Kernel> all = usable_kernels();
  return all;
}

const std::vector<Kernel>& kernels_on(const DeviceSet& devices) {
  if (!devices.cuda) return all_kernels();
  check_usable(*devices.cuda);
  if (devices.cpu) return catalogued_kernels();
  static const std::vector<Kernel> cuda(cuda_kernels().begin(), cuda_kernels().end());
  return cuda;
}

const std::vector<Kernel>& catalogued_kernels() {
  static const std::vector<Kernel> both = [] {
    std::vector<Kernel> kernels = all_kernels();
    const std::span<const Kernel> cuda = cuda_kernels();
    kernels.insert(kernels.end(), cuda.begin(), cuda.end());
    return kernels;
  }();
  return both;
}

const Kernel* find_kernel(std::string_view name) {
  if (const Kernel* found = find_in(all_kernels(), name)) return found;
  return find_in(cuda_kernels(), name);
}

std::vector<const Kernel*> kernels_of(std::string_view op) {
  std::vector<const Kernel*> found;
  for (const Kernel& kernel : all_kernels()) {
    if (kernel.info.op == op) found.push_back(&kernel);
  }
  return found;
}

}  // namespace paceline::kernels
