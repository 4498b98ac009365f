#include "scheduler/layout/blocked_path.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "common/base/error.h"
#include "scheduler/layout/blocked_nodes.h"
#include "scheduler/layout/cut.h"

namespace paceline::layout {

namespace {

using Guesses = paths::PricingOptions::Guesses;
using Nodes = std::vector<std::optional<BlockedNode>>;
constexpr double never = std::numeric_limits<double>::infinity();

bool reads_blocked(const Nodes& nodes, std::int32_t reader, int input) {
  return nodes[reader] && std::ranges::count(nodes[reader]->blocked, input) > 0;
}

// What an operand of a graph under construction is, dense and with the symbols bound.
class Offers {
 public:
  Offers(const Graph& graph, const OpSet& ops, const Bindings& bindings)
      : graph_(graph), ops_(ops), bindings_(bindings) {}

  Workload plain(std::int32_t node) const { return workload_of(graph_, node, bindings_); }

  Workload packing(ValueRef value) const {
    return last_of([&](GraphBuilder& builder) {
      return pack_channels(builder.input("x", graph_.type(value)));
    });
  }

  Workload unpacking(ValueRef value) const {
    const TensorType& type = graph_.type(value);
    return last_of([&](GraphBuilder& builder) {
      const TensorType packed = pack_channels(builder.input("x", type)).type();
      return unpack_channels(builder.input("b", packed), *type.shape[1].constant());
    });
  }

  Workload blocked(std::int32_t index, const BlockedNode& as) const {
    return last_of([&](GraphBuilder& builder) {
      const Node& node = graph_.node(index);
      std::vector<Value> inputs;
      for (int i = 0; i < std::ssize(node.inputs); ++i) {
        const bool is_filters = i == 1 && node.op == "conv_winograd";
        const ValueRef from = is_filters ? filters_of(graph_, index) : node.inputs[i];
        Value value = builder.input("x" + std::to_string(i), graph_.type(from));
        if (std::ranges::count(as.blocked, i) > 0) {
          value = builder.input("b" + std::to_string(i), pack_channels(value).type());
        }
        inputs.push_back(value);
      }
      return add_blocked(builder, graph_, index, as, inputs);
    });
  }

 private:
  template <typename Build>
  Workload last_of(const Build& build) const {
    GraphBuilder builder(ops_);
    const Value value = build(builder);
    builder.output("y", value);
    const std::int32_t node = value.ref().node;
    return workload_of(builder.finish(), node, bindings_);
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Bindings& bindings_;
};

struct Reader {
  std::int32_t node = -1;
  int input = 0;
};

// By node, who reads its first output; whether something does that is no op node.
struct Readers {
  std::vector<std::vector<Reader>> of;
  std::vector<bool> is_given;  // The graph gives it, or a state keeps it.

  explicit Readers(const Graph& graph)
      : of(graph.nodes().size()), is_given(graph.nodes().size(), false) {
    for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
      const auto& inputs = graph.node(n).inputs;
      for (int i = 0; i < std::ssize(inputs); ++i) {
        if (inputs[i].output == 0) of[inputs[i].node].push_back({n, i});
      }
    }
    for (const NamedOutput& output : graph.outputs()) is_given[output.value.node] = true;
    for (const StateUpdate& update : graph.state_updates()) is_given[update.value.node] = true;
  }
};

// Which nodes are computed in blocks, and what that saves.
class Layouts {
 public:
  Layouts(const Path& path, const OpSet& ops, const Bindings& bindings,
          const KernelChooser& chooser, Guesses guesses)
      : path_(path),
        nodes_(blocked_nodes(path.graph, ops)),
        offers_(path.graph, ops, bindings),
        chooser_(chooser),
        guesses_(guesses) {
    for (const Choice& choice : path.choices) kernels_[choice.node] = choice.kernel;
  }

  const Nodes& nodes() const { return nodes_; }
  double saved_s() const { return saved_s_; }

  std::vector<bool> solve() {
    add_nodes();
    add_conversions();
    const std::vector<bool> sides = cut_.solve();
    std::vector<bool> is_blocked(nodes_.size(), false);
    for (std::size_t n = 0; n < nodes_.size(); ++n) is_blocked[n] = nodes_[n] && sides[things_[n]];
    saved_s_ = plain_s_;
    for (const Cost& cost : costs_) {
      if (!sides[cost.first] && sides[cost.second]) saved_s_ -= cost.seconds;
    }
    return is_blocked;
  }

 private:
  struct Cost {
    int first, second;
    double seconds;
  };

  void separate(int a, int b, double seconds) {
    cut_.separate(a, b, seconds);
    costs_.push_back({a, b, seconds});
  }

  void add_nodes() {
    things_.assign(nodes_.size(), Cut::first);
    for (std::int32_t n = 0; n < std::ssize(nodes_); ++n) {
      if (!nodes_[n]) continue;
      const auto kernel = kernels_.find(n);
      const auto plain = price_of(offers_.plain(n), kernel == kernels_.end() ? "" : kernel->second);
      const auto blocked = cheapest_form(n);
      if (!plain || !blocked) {
        nodes_[n].reset();
        continue;
      }
      plain_s_ += *plain;
      things_[n] = cut_.add();
      separate(things_[n], Cut::second, *plain);
      separate(Cut::first, things_[n], *blocked);
    }
  }

  // The price of the cheapest blocked form, which the node's is from then on.
  std::optional<double> cheapest_form(std::int32_t n) {
    std::optional<double> least;
    for (const BlockedNode& form : rivals_of(path_.graph, n, BlockedNode(*nodes_[n]))) {
      const auto seconds = price_of(offers_.blocked(n, form));
      if (!seconds || (least && *least <= *seconds)) continue;
      least = seconds;
      nodes_[n] = form;
    }
    return least;
  }

  // A value is converted once for all who read it in the other layout.
  void add_conversions() {
    const Readers readers(path_.graph);
    for (std::int32_t n = 0; n < std::ssize(nodes_); ++n) {
      const auto& all = readers.of[n];
      const bool is_wanted = std::ranges::any_of(all, [&](const Reader& reader) {
        return reads_blocked(nodes_, reader.node, reader.input);
      });
      if (!nodes_[n] && !is_wanted) continue;
      const int packed = cut_.add(), unpacked = cut_.add();
      separate(things_[n], packed, price_of(offers_.packing({n, 0})).value_or(never));
      if (nodes_[n]) {
        separate(unpacked, things_[n], price_of(offers_.unpacking({n, 0})).value_or(never));
      }
      if (readers.is_given[n]) separate(Cut::first, unpacked, never);
      for (const Reader& reader : all) {
        if (reads_blocked(nodes_, reader.node, reader.input)) {
          separate(packed, things_[reader.node], never);
          separate(things_[reader.node], unpacked, never);
        } else {
          separate(Cut::first, unpacked, never);
        }
      }
    }
  }

  // nullopt where no kernel takes the workload, or nothing is known of the one that would.
  std::optional<double> price_of(const Workload& workload, std::string_view kernel = "") const {
    try {
      const NodeDecision decision =
          kernel.empty() ? chooser_.decide(workload) : chooser_.decide(workload, kernel);
      if (!decision.estimate) return std::nullopt;
      return paths::search_cost_s(*decision.estimate, guesses_);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  const Path& path_;
  Nodes nodes_;
  Offers offers_;
  const KernelChooser& chooser_;
  Guesses guesses_;
  std::map<std::int32_t, std::string> kernels_;
  Cut cut_;
  std::vector<int> things_;
  std::vector<Cost> costs_;
  double plain_s_ = 0, saved_s_ = 0;
};

class Rewriter {
 public:
  Rewriter(const Path& path, const OpSet& ops, const Nodes& nodes,
           const std::vector<bool>& is_blocked)
      : graph_(path.graph),
        nodes_(nodes),
        is_blocked_(is_blocked),
        builder_(ops, path.graph.name()),
        values_(nodes.size()),
        packed_(nodes.size()),
        unpacked_(nodes.size()) {}

  BlockedPath rewrite() {
    for (std::int32_t n = 0; n < std::ssize(nodes_); ++n) {
      make(n);
      origins_.resize(values_[n].front().ref().node + 1, -1);
      // Of several nodes that stand for one, the last is what it computes.
      origins_[values_[n].front().ref().node] = n;
    }
    for (const auto& [name, value] : graph_.outputs()) builder_.output(name, plain(value));
    for (const auto& [state, value] : graph_.state_updates()) {
      builder_.update(plain({state, 0}), plain(value));
    }
    BlockedPath result{.path = {.graph = builder_.finish(), .choices = {}},
                       .origins = std::move(origins_)};
    result.origins.resize(result.path.graph.nodes().size(), -1);
    return result;
  }

 private:
  void make(std::int32_t n) {
    const Node& node = graph_.node(n);
    std::vector<Value> inputs;
    for (int i = 0; i < std::ssize(node.inputs); ++i) {
      const bool is_filters = i == 1 && is_blocked_[n] && node.op == "conv_winograd";
      const ValueRef from = is_filters ? filters_of(graph_, n) : node.inputs[i];
      const bool in_blocks = is_blocked_[n] && reads_blocked(nodes_, n, i);
      inputs.push_back(in_blocks ? blocks(from) : plain(from));
    }
    if (is_blocked_[n]) {
      values_[n] = {add_blocked(builder_, graph_, n, *nodes_[n], inputs)};
    } else {
      values_[n] = builder_.copy(graph_, n, inputs);
    }
  }

  Value blocks(ValueRef from) {
    const Value& value = values_[from.node].at(from.output);
    if (is_blocked_[from.node]) return value;
    auto& packed = packed_[from.node];
    if (!packed) packed = pack_channels(value);
    return *packed;
  }

  Value plain(ValueRef from) {
    const Value& value = values_[from.node].at(from.output);
    if (!is_blocked_[from.node]) return value;
    auto& unpacked = unpacked_[from.node];
    if (!unpacked) unpacked = unpack_channels(value, nodes_[from.node]->channels);
    return *unpacked;
  }

  const Graph& graph_;
  const Nodes& nodes_;
  const std::vector<bool>& is_blocked_;
  GraphBuilder builder_;
  std::vector<std::vector<Value>> values_;  // By node; in blocks where it is.
  std::vector<std::optional<Value>> packed_, unpacked_;
  std::vector<std::int32_t> origins_;
};

}  // namespace

std::vector<Workload> workloads_of(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  const Nodes nodes = blocked_nodes(graph, ops);
  const Offers offers(graph, ops, bindings);
  std::vector<Workload> workloads;
  for (std::int32_t n = 0; n < std::ssize(nodes); ++n) {
    if (!nodes[n]) continue;
    workloads.push_back(offers.plain(n));
    for (const BlockedNode& form : rivals_of(graph, n, *nodes[n])) {
      workloads.push_back(offers.blocked(n, form));
    }
    workloads.push_back(offers.packing({n, 0}));
    workloads.push_back(offers.unpacking({n, 0}));
    for (const int input : nodes[n]->blocked) {
      workloads.push_back(offers.packing(graph.node(n).inputs[input]));
    }
  }
  return workloads;
}

std::optional<BlockedPath> blocked_path(const Path& path, const OpSet& ops,
                                        const Bindings& bindings, const KernelChooser& chooser,
                                        Guesses guesses) {
  Layouts layouts(path, ops, bindings, chooser, guesses);
  const std::vector<bool> is_blocked = layouts.solve();
  if (layouts.saved_s() <= 0 || std::ranges::count(is_blocked, true) == 0) return std::nullopt;
  BlockedPath result = Rewriter(path, ops, layouts.nodes(), is_blocked).rewrite();
  result.saved_s = layouts.saved_s();
  std::map<std::int32_t, const Choice*> choices;
  for (const Choice& choice : path.choices) choices[choice.node] = &choice;
  const Graph& graph = result.path.graph;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    const std::int32_t origin = result.origins[n];
    const bool is_new = origin < 0 || is_blocked[origin];
    const auto choice = is_new ? choices.end() : choices.find(origin);
    if (choice != choices.end()) {
      result.path.choices.push_back({n, choice->second->kernel, choice->second->device});
    } else if (is_new) {
      const NodeDecision decision = chooser.decide(workload_of(graph, n, bindings));
      result.path.choices.push_back({n, decision.kernel, decision.device});
    }
  }
  return result;
}

}  // namespace paceline::layout
