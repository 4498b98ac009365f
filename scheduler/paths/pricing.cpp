#include "scheduler/paths/pricing.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace paceline::paths {
namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::ENode;
using egraph::NodeId;
using egraph::Operator;
using egraph::OperatorId;

// Bind time is not run time, yet of two paths that run alike the one that prepares less is better.
constexpr double prepared_s_per_byte = 1e-16;

OperandType operand_of(const TensorType& type, const Bindings& bindings) {
  OperandType operand{.dtype = type.dtype};
  for (const Dim& dim : type.shape) operand.extents.push_back(dim.evaluate(bindings));
  return operand;
}

std::vector<TensorType> child_types(const EGraph& graph, const ENode& node) {
  std::vector<TensorType> types;
  for (const ClassId child : node.children) types.push_back(graph.facts(child).type);
  return types;
}

Workload workload_of(const EGraph& graph, NodeId id, const Bindings& bindings) {
  const Operator& made = graph.operator_of(id);
  const std::vector<TensorType> types = child_types(graph, graph.node(id));
  Workload workload{.op = made.op->name, .attributes = made.attributes.bind(bindings)};
  for (const TensorType& type : types) workload.inputs.push_back(operand_of(type, bindings));
  for (const TensorType& type : infer_types(*made.op, types, made.attributes)) {
    workload.outputs.push_back(operand_of(type, bindings));
  }
  return workload;
}

bool is_op(const EGraph& graph, NodeId id) { return graph.operator_of(id).op != nullptr; }
bool is_view(const EGraph& graph, NodeId id) {
  const Operator& made = graph.operator_of(id);
  return made.op != nullptr && made.op->view != nullptr;
}

// The classes that the roots reach by any nodes, in order of discovery.
std::vector<ClassId> reachable(const Forms& forms) {
  const EGraph& graph = *forms.classes;
  std::vector<ClassId> order;
  std::set<ClassId> seen;
  const auto visit = [&](ClassId id) {
    if (seen.insert(graph.find(id)).second) order.push_back(graph.find(id));
  };
  for (const ClassId root : forms.roots) visit(root);
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (const NodeId node : graph.nodes_of(order[next])) {
      for (const ClassId child : graph.node(node).children) visit(child);
    }
  }
  return order;
}

bool is_timed(const EGraph& graph, ClassId id, NodeId node) {
  return is_op(graph, node) && !is_view(graph, node) && !graph.facts(id).is_static;
}

// How the elements of a class lie when nothing copies them.
enum class Lie {
  dense,
  rows,       // The last axis without gaps.
  scattered,  // Any strides.
};

Lie lie_of(const StridedShape& view) {
  const std::vector<Dim> dense = row_major_strides(view.shape);
  if (view.strides == dense) return Lie::dense;
  const bool rows = view.strides.empty() || view.strides.back() == Dim(1);
  return rows ? Lie::rows : Lie::scattered;
}

bool is_taken(Lie lie, Strides wanted) {
  return wanted == Strides::any || lie == Lie::dense ||
         (wanted == Strides::dense_inner && lie == Lie::rows);
}

Strides strides_of(const Accepts& accepts, std::size_t input) {
  if (accepts.input_strides.empty()) return Strides::dense;
  return accepts.input_strides[std::min(input, accepts.input_strides.size() - 1)];
}

class Pricer {
 public:
  Pricer(const Bindings& bindings, const KernelChooser& chooser, const PricingOptions& options)
      : bindings_(bindings), chooser_(chooser), options_(options) {}

  void add(const Part& part) {
    graph_ = part.forms->classes.get();
    count_ = part.count;
    part_ = static_cast<std::int32_t>(priced_.places.size());
    shared_.clear();
    lies_.clear();
    auto& places = priced_.places.emplace_back();
    const std::vector<ClassId> classes = reachable(*part.forms);
    for (const ClassId id : classes) places.emplace(id, add_class());
    for (const ClassId id : classes) add_alternatives(id);
    for (const ClassId root : part.forms->roots) {
      const std::int32_t place = places.at(graph_->find(root));
      auto& roots = priced_.space.roots;
      if (std::ranges::find(roots, place) == roots.end()) roots.push_back(place);
    }
  }

  PricedForms take() { return std::move(priced_); }

 private:
  struct Price {
    const KernelInfo* info = nullptr;
    double seconds = 0;
    bool is_measured = false;  // Here.
  };

  std::int32_t add_class() {
    priced_.space.classes.emplace_back();
    return static_cast<std::int32_t>(priced_.space.classes.size() - 1);
  }

  void add_alternative(std::int32_t place, double cost_s, std::vector<std::int32_t> children,
                       NodeId node, const KernelInfo* kernel = nullptr) {
    priced_.space.classes[place].push_back(
        {cost_s, std::move(children), static_cast<std::int64_t>(priced_.picks.size())});
    priced_.picks.push_back({part_, node, "", {}});
    if (kernel == nullptr) return;
    priced_.picks.back().kernel = kernel->name;
    priced_.picks.back().device = chooser_.device_of(*kernel);
  }

  std::vector<std::int32_t> places_of(const ENode& node) const {
    std::vector<std::int32_t> places;
    for (const ClassId child : node.children) {
      places.push_back(priced_.places.back().at(graph_->find(child)));
    }
    return places;
  }

  void add_alternatives(ClassId id) {
    const std::int32_t place = priced_.places.back().at(id);
    for (const NodeId node : graph_->nodes_of(id)) {
      if (!is_op(*graph_, node) || is_view(*graph_, node)) {
        add_alternative(place, 0, places_of(graph_->node(node)), node);
      } else if (graph_->facts(id).is_static) {
        add_prepared(place, id, node);
      } else {
        add_computed(place, node);
      }
    }
  }

  // One kernel does for what runs once.
  void add_prepared(std::int32_t place, ClassId id, NodeId node) {
    const std::vector<Price>& prices = prices_of(workload_of(*graph_, node, bindings_));
    if (prices.empty()) return;
    const auto best = std::ranges::min_element(prices, {}, &Price::seconds);
    const OperandType made = operand_of(graph_->facts(id).type, bindings_);
    const double bytes = 64 + static_cast<double>(made.size_bytes());
    add_alternative(place, bytes * prepared_s_per_byte * count_, places_of(graph_->node(node)),
                    node, best->info);
  }

  void add_computed(std::int32_t place, NodeId node) {
    const Workload workload = workload_of(*graph_, node, bindings_);
    std::int32_t computed = place;
    if (workload.outputs.size() > 1) {
      const auto [shared, is_new] = shared_place(node);
      add_alternative(place, 0, {shared}, node);
      if (!is_new) return;
      computed = shared;
    }
    double bytes_s = 0;
    for (const OperandType& output : workload.outputs) {
      bytes_s += options_.byte_s * static_cast<double>(output.size_bytes());
    }
    for (const Price& price : prices_of(workload)) {
      if (options_.guesses == PricingOptions::Guesses::none && !price.is_measured) continue;
      const double copies_s = copies_for(node, *price.info);
      add_alternative(computed, (price.seconds + copies_s + bytes_s) * count_,
                      places_of(graph_->node(node)), node, price.info);
    }
  }

  // What it takes to lay out the operands as the kernel wants them.
  double copies_for(NodeId node, const KernelInfo& kernel) {
    double seconds = 0;
    const std::vector<ClassId>& children = graph_->node(node).children;
    for (std::size_t i = 0; i < children.size(); ++i) {
      const ClassId child = graph_->find(children[i]);
      if (graph_->facts(child).is_static) continue;
      if (!is_taken(lie_of(child), strides_of(kernel.accepts, i))) seconds += copy_of(child);
    }
    return seconds;
  }

  // As the cheapest form of a class has it: computed values are dense; a view that repeats elements
  // is what it is, since whoever computes it in full pays for a copy too.
  Lie lie_of(ClassId id) {
    const auto [known, is_new] = lies_.try_emplace(id, Lie::dense);
    if (!is_new) return known->second;
    Lie lie = Lie::scattered;
    bool repeats = false;
    for (const NodeId node : graph_->nodes_of(id)) {
      const Operator& made = graph_->operator_of(node);
      if (!is_view(*graph_, node)) {
        lie = Lie::dense;
        continue;
      }
      const std::vector<TensorType> types = child_types(*graph_, graph_->node(node));
      const auto view = made.op->view({types[0].shape, row_major_strides(types[0].shape), 0},
                                      {types, made.attributes});
      const Lie own = view ? paths::lie_of(*view) : Lie::dense;
      lie = std::min(lie, own);
      repeats |= view && std::ranges::find(view->strides, Dim(0)) != view->strides.end() &&
                 own != Lie::dense;
    }
    return lies_[id] = repeats ? Lie::scattered : lie;
  }

  double copy_of(ClassId id) {
    const OperandType operand = operand_of(graph_->facts(id).type, bindings_);
    const Workload copy{.op = "copy", .attributes = {}, .inputs = {operand}, .outputs = {operand}};
    const std::vector<Price>& prices = prices_of(copy);
    return prices.empty() ? 0 : std::ranges::min(prices, {}, &Price::seconds).seconds;
  }

  // A node with several outputs is computed once, whichever of them are read: the class of all, and
  // whether it is new.
  std::pair<std::int32_t, bool> shared_place(NodeId node) {
    std::vector<ClassId> children;
    for (const ClassId child : graph_->node(node).children) children.push_back(graph_->find(child));
    const auto [at, is_new] =
        shared_.try_emplace({graph_->operator_of(node).siblings, std::move(children)}, -1);
    if (is_new) at->second = add_class();
    return {at->second, is_new};
  }

  const std::vector<Price>& prices_of(const Workload& workload) {
    const auto [at, is_new] = prices_.try_emplace(workload.id());
    if (!is_new) return at->second;
    const KernelChooser::Candidates candidates = chooser_.candidates(workload);
    const KernelInfo* decided = nullptr;
    if (options_.decided_kernels && !candidates.usable.empty()) {
      decided = chooser_.pick(candidates).kernel;
    }
    for (const KernelChooser::Candidate& candidate : candidates.usable) {
      if (!candidate.estimate || (decided != nullptr && candidate.kernel != decided)) continue;
      at->second.push_back({candidate.kernel, search_cost_s(*candidate.estimate, options_.guesses),
                            candidate.estimate->origin == Origin::measured_here});
    }
    return at->second;
  }

  const Bindings& bindings_;
  const KernelChooser& chooser_;
  const PricingOptions& options_;
  const EGraph* graph_ = nullptr;
  int count_ = 1;
  std::int32_t part_ = -1;
  PricedForms priced_;
  std::map<std::pair<OperatorId, std::vector<ClassId>>, std::int32_t> shared_;
  std::map<ClassId, Lie> lies_;  // Of this part.
  std::unordered_map<WorkloadId, std::vector<Price>> prices_;
};

}  // namespace

double search_cost_s(const Estimate& estimate, PricingOptions::Guesses guesses) {
  if (is_measured(estimate)) return estimate.seconds;
  if (guesses == PricingOptions::Guesses::hopeful) {
    return std::sqrt(estimate.low_s * estimate.seconds);
  }
  return estimate.origin == Origin::roofline ? estimate.high_s : estimate.seconds;
}

std::vector<Workload> workloads_of(std::span<const Part> parts, const Bindings& bindings) {
  std::vector<Workload> workloads;
  std::set<WorkloadId> seen;
  for (const Part& part : parts) {
    const EGraph& graph = *part.forms->classes;
    for (const ClassId id : reachable(*part.forms)) {
      for (const NodeId node : graph.nodes_of(id)) {
        if (!is_timed(graph, id, node)) continue;
        Workload workload = workload_of(graph, node, bindings);
        if (seen.insert(workload.id()).second) workloads.push_back(std::move(workload));
      }
    }
  }
  return workloads;
}

PricedForms price(std::span<const Part> parts, const Bindings& bindings,
                  const KernelChooser& chooser, const PricingOptions& options) {
  Pricer pricer(bindings, chooser, options);
  for (const Part& part : parts) pricer.add(part);
  PricedForms priced = pricer.take();
  priced.free_of_views.emplace(priced.space);
  return priced;
}

}  // namespace paceline::paths
