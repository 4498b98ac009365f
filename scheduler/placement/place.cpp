#include "scheduler/placement/place.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "scheduler/layout/cut.h"
#include "scheduler/passes/statics.h"

namespace paceline::placement {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
// For a static node's value to be made where it is read, all else being equal.
constexpr double out_of_the_way = 1e-12;

class Placer {
 public:
  Placer(const Graph& graph, const OpSet& ops, const Bindings& bindings,
         std::span<const NodeTimes> times, const TransferTime& transfer_s)
      : graph_(graph),
        ops_(ops),
        bindings_(bindings),
        times_(times),
        transfer_s_(transfer_s),
        statics_(static_nodes(graph, ops)),
        things_(graph.nodes().size(), layout::Cut::first) {}

  Placement solve() {
    for (std::int32_t n = 0; n < size(); ++n) {
      if (is_work(n)) add_node(n);
      if (graph_.node(n).kind == NodeKind::state) things_[n] = cut_.add();
    }
    tie_states();
    for (std::int32_t n = 0; n < size(); ++n) {
      if (!is_work(n)) continue;
      for (const ValueRef input : graph_.node(n).inputs) add_reader(root_of(input), things_[n]);
    }
    for (const NamedOutput& output : graph_.outputs()) {
      add_reader(root_of(output.value), layout::Cut::first);
    }
    return placement(cut_.solve());
  }

 private:
  // What is paid where `from` is on the CPU and `to` on the GPU.
  struct Cost {
    int from, to;
    double seconds;
    bool is_transfer;
  };

  std::int32_t size() const { return static_cast<std::int32_t>(graph_.nodes().size()); }
  bool is_view(std::int32_t node) const {
    return graph_.node(node).kind == NodeKind::op && ops_.get(graph_.node(node).op).view;
  }
  bool is_work(std::int32_t node) const {
    return graph_.node(node).kind == NodeKind::op && !is_view(node);
  }

  void pay(int from, int to, double seconds, bool is_transfer = false) {
    if (seconds <= 0) return;
    cut_.separate(from, to, seconds);
    costs_.push_back({from, to, seconds, is_transfer});
  }

  void add_node(std::int32_t n) {
    const auto& [cpu_s, cuda_s] = times_[n];
    if (!cpu_s && !cuda_s) {
      throw unsupported("no kernel on the CPU or the GPU for node {} {}", n, graph_.node(n).op);
    }
    things_[n] = cut_.add();
    double cpu = cpu_s.value_or(never), cuda = cuda_s.value_or(never);
    if (statics_[n]) {
      cpu = cpu_s ? 0 : never;
      cuda = cuda_s ? 0 : never;
    }
    // What either side costs is no matter of choice.
    const double least = std::min(cpu, cuda);
    node_s_ += least;
    pay(things_[n], layout::Cut::second, cpu - least);
    pay(layout::Cut::first, things_[n], cuda - least);
  }

  void tie(int a, int b) {
    cut_.separate(a, b, never);
    cut_.separate(b, a, never);
  }

  // To the node that updates it; one that nothing updates to its first reader.
  void tie_states() {
    std::set<std::int32_t> tied;
    for (const StateUpdate& update : graph_.state_updates()) {
      const std::int32_t updater = root_of(update.value).node;
      if (!is_work(updater)) continue;
      tie(things_[update.state], things_[updater]);
      tied.insert(update.state);
    }
    for (std::int32_t n = 0; n < size(); ++n) {
      if (!is_work(n)) continue;
      for (const ValueRef input : graph_.node(n).inputs) {
        const std::int32_t source = root_of(input).node;
        if (graph_.node(source).kind != NodeKind::state) continue;
        if (tied.insert(source).second) tie(things_[source], things_[n]);
      }
    }
  }

  // The value that lies in memory, of which `value` is a view.
  ValueRef root_of(ValueRef value) const {
    while (is_view(value.node)) value = graph_.node(value.node).inputs[0];
    return value;
  }

  std::int64_t bytes_of(ValueRef value) const {
    const TensorType& type = graph_.type(value);
    std::int64_t bytes = static_cast<std::int64_t>(size_bytes(type.dtype));
    for (const Dim& dim : type.shape) bytes *= dim.evaluate(bindings_);
    return bytes;
  }

  // A value's mirrors: on the GPU only if one is made of what the CPU has, and the other way round.
  struct Mirrors {
    int on_cuda, on_cpu;
  };

  const Mirrors& mirrors_of(ValueRef value) {
    const auto [at, is_new] = mirrors_.try_emplace(value);
    if (!is_new) return at->second;
    at->second = {cut_.add(), cut_.add()};
    const int maker = things_[value.node];
    const std::int64_t bytes = bytes_of(value);
    pay(maker, at->second.on_cuda, transfer_s_(bytes, DeviceKind::cuda), true);
    pay(at->second.on_cpu, maker, transfer_s_(bytes, DeviceKind::cpu), true);
    return at->second;
  }

  void add_reader(ValueRef value, int reader) {
    const NodeKind kind = graph_.node(value.node).kind;
    if (kind == NodeKind::weight || kind == NodeKind::constant) return;
    const int maker = things_[value.node];
    if (statics_[value.node]) {
      cut_.separate(maker, reader, out_of_the_way);
      cut_.separate(reader, maker, out_of_the_way);
      return;
    }
    const Mirrors mirrors = mirrors_of(value);
    cut_.separate(mirrors.on_cuda, reader, never);
    cut_.separate(reader, mirrors.on_cpu, never);
  }

  Placement placement(const std::vector<bool>& is_cuda) const {
    Placement found{.kinds = std::vector<DeviceKind>(graph_.nodes().size(), DeviceKind::cpu),
                    .seconds = node_s_};
    for (std::int32_t n = 0; n < size(); ++n) {
      if (is_work(n) && is_cuda[things_[n]]) found.kinds[n] = DeviceKind::cuda;
    }
    for (const Cost& cost : costs_) {
      if (is_cuda[cost.from] || !is_cuda[cost.to]) continue;
      found.seconds += cost.seconds;
      if (cost.is_transfer) found.transfer_s += cost.seconds;
    }
    return found;
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Bindings& bindings_;
  std::span<const NodeTimes> times_;
  const TransferTime& transfer_s_;
  std::vector<bool> statics_;
  layout::Cut cut_;
  std::vector<int> things_;  // By node; inputs are always on the CPU.
  std::map<ValueRef, Mirrors> mirrors_;
  std::vector<Cost> costs_;
  double node_s_ = 0;  // Whatever is chosen.
};

}  // namespace

double guessed_transfer_s(std::int64_t bytes) { return static_cast<double>(bytes) / 25e9 + 10e-6; }

Placement place(const Graph& graph, const OpSet& ops, const Bindings& bindings,
                std::span<const NodeTimes> times, const TransferTime& transfer_s) {
  return Placer(graph, ops, bindings, times, transfer_s).solve();
}

}  // namespace paceline::placement
