#include "tests/support/device_path.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/graph/workload.h"

namespace paceline::test {

Path device_path(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
                 const Bindings& bindings, double on_cuda, std::uint64_t seed) {
  Random random(seed);
  Path path{.graph = graph};
  for (std::int32_t i = 0; i < std::ssize(graph.nodes()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    const Workload workload = workload_of(graph, i, bindings);
    const auto find = [&](DeviceKind kind) {
      return std::ranges::find_if(kernels, [&](const Kernel& kernel) {
        const KernelInfo& info = kernel.info;
        return info.op == node.op && info.device == kind && !refusal(info, workload) &&
               info.precision != Precision::narrows && (kind == DeviceKind::cuda || info.is_plain);
      });
    };
    const bool wants_cuda = random.uniform() < on_cuda;
    auto kernel = find(wants_cuda ? DeviceKind::cuda : DeviceKind::cpu);
    if (kernel == kernels.end()) kernel = find(DeviceKind::cpu);
    path.choices.push_back({i, kernel->info.name, {kernel->info.device, 0}});
  }
  return path;
}

}  // namespace paceline::test
