#include "worker/compile/kernel_finder.h"

#include <algorithm>

#include "common/base/error.h"

namespace paceline {

const Kernel& KernelFinder::find(std::string_view op, std::string_view name) {
  const auto is_it = [&](const Kernel& kernel) {
    return kernel.info.name == name && kernel.info.op == op;
  };
  const auto known =
      std::ranges::find_if(met_, [&](const Kernel* kernel) { return is_it(*kernel); });
  if (known != met_.end()) return **known;
  const auto kernel = std::ranges::find_if(kernels_, is_it);
  if (kernel == kernels_.end()) {
    throw unsupported("this program has no kernel \"{}\" for {}", name, op);
  }
  met_.push_back(&*kernel);
  return *kernel;
}

}  // namespace paceline
