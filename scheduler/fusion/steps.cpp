#include "scheduler/fusion/steps.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "common/base/error.h"
#include "scheduler/fusion/head_chain.h"
#include "scheduler/fusion/readers.h"

namespace paceline::fusion {

namespace {

constexpr std::size_t products_max = 4;  // Of norm_linears.

class StepFinder {
 public:
  StepFinder(const Graph& graph, const OpSet& ops)
      : graph_(graph), ops_(ops), readers_(graph), taken_by_(graph.nodes().size(), -1) {}

  // What is larger first.
  std::vector<Group> find() {
    for_each("attention", [&](std::int32_t node) { return heads(node); });
    for_each("gated_activation", [&](std::int32_t node) { return norm_gated(node); });
    for_each("rms_norm", [&](std::int32_t node) { return norm_products(node); });
    for_each("add", [&](std::int32_t node) { return residual(node); });
    std::ranges::sort(groups_, {}, [](const Group& group) { return group.nodes.front(); });
    return std::move(groups_);
  }

 private:
  template <typename Match>
  void for_each(std::string_view op, const Match& match) {
    for (std::int32_t n = 0; n < std::ssize(graph_.nodes()); ++n) {
      if (!is(n, op)) continue;
      if (auto group = match(n)) take(*std::move(group));
    }
  }

  bool is(std::int32_t node, std::string_view op) const {
    return graph_.node(node).kind == NodeKind::op && graph_.node(node).op == op;
  }
  const std::vector<ValueRef>& inputs(std::int32_t node) const { return graph_.node(node).inputs; }
  template <typename T>
  const T& attribute(std::int32_t node, std::string_view name) const {
    return graph_.node(node).attributes.get<T>(name);
  }

  // Unless a node is in another group, the op gives other types than the nodes, or the group would
  // rest on itself.
  void take(Group group) {
    std::ranges::sort(group.nodes);
    if (std::ranges::any_of(group.nodes, [&](std::int32_t node) { return is_taken(node); }) ||
        rests_on_itself(group)) {
      return;
    }
    const Op& op = ops_.get(group.op);
    group.attributes = group.attributes.complete(op.name, op.attributes);
    std::vector<TensorType> types;
    for (const ValueRef input : group.inputs) types.push_back(graph_.type(input));
    try {
      const std::vector<TensorType> given = infer_types(op, types, group.attributes);
      const auto is_as_before = [&](const TensorType& type, ValueRef output) {
        return type == graph_.type(output);
      };
      if (!std::ranges::equal(given, group.outputs, is_as_before)) return;
    } catch (const Error&) {
      return;
    }
    for (const std::int32_t node : group.nodes) taken_by_[node] = static_cast<int>(groups_.size());
    groups_.push_back(std::move(group));
  }

  bool is_taken(std::int32_t node) const { return taken_by_[node] >= 0; }

  // As one node, among the groups that were taken as one node each.
  bool rests_on_itself(const Group& group) const {
    std::vector<bool> is_seen(graph_.nodes().size(), false);
    std::vector<std::int32_t> pending;
    const auto visit = [&](const std::vector<ValueRef>& values) {
      for (const ValueRef value : values) {
        if (!is_seen[value.node]) pending.push_back(value.node);
        is_seen[value.node] = true;
      }
    };
    visit(group.inputs);
    while (!pending.empty()) {
      const std::int32_t node = pending.back();
      pending.pop_back();
      if (std::ranges::find(group.nodes, node) != group.nodes.end()) return true;
      visit(is_taken(node) ? groups_[taken_by_[node]].inputs : inputs(node));
    }
    return false;
  }

  // The node that a value is made by, views left out.
  std::int32_t source_of(ValueRef value) const {
    while (graph_.node(value.node).kind == NodeKind::op &&
           ops_.get(graph_.node(value.node).op).view) {
      value = inputs(value.node)[0];
    }
    return value.node;
  }

  // Before attention: heads are normed and turned, keys and values appended.
  std::optional<Group> heads(std::int32_t attention) const {
    const std::int32_t rope = inputs(attention)[0].node;
    const std::int32_t keys = source_of(inputs(attention)[1]);
    const std::int32_t values = source_of(inputs(attention)[2]);
    if (!is(rope, "rope") || keys == values || !appends(keys) || !appends(values)) {
      return std::nullopt;
    }
    if (attribute<Dim>(keys, "start") != attribute<Dim>(values, "start")) return std::nullopt;
    const auto chain_into = [&](std::int32_t update) {
      return head_chain(graph_, ops_, readers_, inputs(update)[1], update,
                        graph_.type({update, 0}).shape[3]);
    };
    const auto q = rotated_chain(graph_, ops_, readers_, rope, graph_.type({keys, 0}).shape[3]);
    const auto k = chain_into(keys);
    const auto v = chain_into(values);
    if (!q || !k || !v || k->rope < 0 || v->rope >= 0 || v->norm >= 0 || !turn_alike(*q, *k)) {
      return std::nullopt;
    }
    Group group{.nodes = {q->rope, k->rope, keys, values},
                .inputs = {q->projection, k->projection, v->projection, inputs(rope)[1],
                           inputs(rope)[2], inputs(keys)[0], inputs(values)[0]},
                .outputs = {{rope, 0}, {keys, 0}, {values, 0}},
                .op = "head_append",
                .attributes = {{"start", attribute<Dim>(keys, "start")},
                               {"interleaved", attribute<bool>(rope, "interleaved")}}};
    if (q->norm < 0) return group;
    copy_norm(q->norm, group.attributes);
    for (const std::int32_t norm : {q->norm, k->norm}) {
      group.nodes.push_back(norm);
      group.inputs.push_back(inputs(norm)[1]);
    }
    return group;
  }

  bool appends(std::int32_t node) const {
    if (!is(node, "update_slice") || graph_.type({node, 0}).shape.size() != 4) return false;
    const std::int64_t axis = attribute<std::int64_t>(node, "axis");
    return axis == 2 || axis == -2;
  }

  // By the same tables and, but for weights, the same norm.
  bool turn_alike(const HeadChain& a, const HeadChain& b) const {
    for (const std::size_t table : {1, 2}) {
      if (inputs(a.rope)[table] != inputs(b.rope)[table]) return false;
    }
    if (!(graph_.node(a.rope).attributes == graph_.node(b.rope).attributes)) return false;
    if (a.norm < 0 || b.norm < 0) return a.norm == b.norm;
    return a.norm != b.norm && graph_.node(a.norm).attributes == graph_.node(b.norm).attributes;
  }

  void copy_norm(std::int32_t norm, Attributes& attributes) const {
    for (const char* name : {"epsilon", "weight_offset"}) {
      attributes.set(name, attribute<double>(norm, name));
    }
  }

  // A product of the norm's result, and of nothing else that the norm gives.
  bool multiplies(std::int32_t node, std::int32_t norm) const {
    const ValueRef normed{norm, 0};
    return is(node, "linear") && inputs(node)[0] == normed &&
           std::ranges::count(inputs(node), normed) == 1;
  }

  bool is_stored_alike(std::int32_t a, std::int32_t b) const {
    return inputs(a).size() == inputs(b).size() &&
           attribute<bool>(a, "transpose_weight") == attribute<bool>(b, "transpose_weight");
  }

  std::optional<Group> norm_gated(std::int32_t gated) const {
    const std::int32_t gate = inputs(gated)[0].node, up = inputs(gated)[1].node;
    if (gate == up || !is(gate, "linear") || inputs(gate).size() != 2) return std::nullopt;
    const std::int32_t norm = inputs(gate)[0].node;
    if (!is(norm, "rms_norm") || !multiplies(gate, norm) || !multiplies(up, norm) ||
        !is_stored_alike(gate, up)) {
      return std::nullopt;
    }
    const ValueRef normed{norm, 0};
    if (readers_.is_given(normed) || readers_.of(normed).size() != 2) return std::nullopt;
    for (const std::int32_t product : {gate, up}) {
      if (!readers_.is_only({product, 0}, gated)) return std::nullopt;
    }
    Group group{.nodes = {norm, gate, up, gated},
                .inputs = {inputs(norm)[0], inputs(norm)[1], inputs(gate)[1], inputs(up)[1]},
                .outputs = {{gated, 0}},
                .op = "norm_linears_gated",
                .attributes = {{"activation", attribute<std::string>(gated, "activation")},
                               {"transpose_weight", attribute<bool>(gate, "transpose_weight")}}};
    copy_norm(norm, group.attributes);
    return group;
  }

  std::optional<Group> norm_products(std::int32_t norm) const {
    const std::vector<std::int32_t> products = readers_.of({norm, 0});
    if (products.empty() || products.size() > products_max || readers_.is_given({norm, 0})) {
      return std::nullopt;
    }
    for (const std::int32_t product : products) {
      if (!multiplies(product, norm) || !is_stored_alike(product, products.front())) {
        return std::nullopt;
      }
    }
    const bool has_bias = inputs(products.front()).size() == 3;
    Group group{.nodes = {norm},
                .inputs = {inputs(norm)[0], inputs(norm)[1]},
                .op = "norm_linears",
                .attributes = {
                    {"has_bias", has_bias},
                    {"transpose_weight", attribute<bool>(products.front(), "transpose_weight")}}};
    copy_norm(norm, group.attributes);
    for (const std::int32_t product : products) {
      group.nodes.push_back(product);
      group.inputs.push_back(inputs(product)[1]);
      group.outputs.push_back({product, 0});
    }
    if (!has_bias) return group;
    for (const std::int32_t product : products) group.inputs.push_back(inputs(product)[2]);
    return group;
  }

  // Of two products that are added, the later is one with the sum.
  std::optional<Group> residual(std::int32_t sum) const {
    for (const std::size_t side : {1, 0}) {
      const ValueRef product = inputs(sum)[side], added = inputs(sum)[1 - side];
      if (!is(product.node, "linear") || is_taken(product.node) ||
          !readers_.is_only(product, sum)) {
        continue;
      }
      Group group{
          .nodes = {product.node, sum},
          .inputs = {inputs(product.node)[0], inputs(product.node)[1], added},
          .outputs = {{sum, 0}},
          .op = "linear_residual",
          .attributes = {{"transpose_weight", attribute<bool>(product.node, "transpose_weight")}}};
      if (inputs(product.node).size() == 3) group.inputs.push_back(inputs(product.node)[2]);
      return group;
    }
    return std::nullopt;
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Readers readers_;
  std::vector<int> taken_by_;  // By node: its place in groups_, or -1.
  std::vector<Group> groups_;
};

}  // namespace

std::vector<Group> find_steps(const Graph& graph, const OpSet& ops) {
  return StepFinder(graph, ops).find();
}

}  // namespace paceline::fusion
