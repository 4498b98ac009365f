#include "scheduler/fusion/layers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/error.h"
#include "scheduler/fusion/readers.h"
#include "scheduler/fusion/steps.h"

namespace paceline::fusion {

namespace {

class LayerFinder {
 public:
  LayerFinder(const Graph& graph, const OpSet& ops, const Bindings& bindings,
              std::span<const std::int64_t> head_widths)
      : graph_(graph),
        ops_(ops),
        bindings_(bindings),
        head_widths_(head_widths),
        readers_(graph),
        steps_(find_steps(graph, ops)) {
    for (const Group& step : steps_) {
      for (const ValueRef output : step.outputs) makers_[output] = &step;
    }
  }

  std::vector<Group> find() const {
    std::vector<Group> layers;
    std::set<std::int32_t> taken;
    for (std::int32_t n = 0; n < std::ssize(graph_.nodes()); ++n) {
      if (!is(n, "attention")) continue;
      auto layer = around(n);
      if (!layer || std::ranges::any_of(layer->nodes, [&](auto m) { return taken.contains(m); })) {
        continue;
      }
      taken.insert(layer->nodes.begin(), layer->nodes.end());
      layers.push_back(*std::move(layer));
    }
    return layers;
  }

 private:
  bool is(std::int32_t node, std::string_view op) const {
    return graph_.node(node).kind == NodeKind::op && graph_.node(node).op == op;
  }
  const std::vector<ValueRef>& inputs(std::int32_t node) const { return graph_.node(node).inputs; }
  const Attributes& attributes(std::int32_t node) const { return graph_.node(node).attributes; }

  // The step that makes a value, of an op and with so many inputs; null: another one does.
  const Group* maker(ValueRef value, std::string_view op, std::size_t input_count) const {
    const auto found = makers_.find(value);
    if (found == makers_.end() || found->second->op != op) return nullptr;
    return found->second->inputs.size() == input_count ? found->second : nullptr;
  }

  // The one step of `op` that begins with `value`.
  const Group* reader(ValueRef value, std::string_view op, std::size_t input_count) const {
    for (const Group& step : steps_) {
      if (step.op == op && step.inputs.size() == input_count && step.inputs[0] == value) {
        return &step;
      }
    }
    return nullptr;
  }

  // Whether `seen` is rows 0 to `end` of `state`.
  bool is_seen(ValueRef seen, ValueRef state, const Dim& end) const {
    if (!is(seen.node, "slice") || inputs(seen.node)[0] != state) return false;
    const Attributes& cut = attributes(seen.node);
    const auto axis = cut.get<std::int64_t>("axis");
    return (axis == 2 || axis == -2) && cut.get<std::int64_t>("step") == 1 &&
           cut.get<Dim>("start") == Dim(0) && cut.get<Dim>("stop") == end;
  }

  // [B,H,N,E] of attention as [B,N,H*E]: what its heads are joined to.
  std::optional<ValueRef> joined(std::int32_t attention) const {
    const auto only_reader = [&](ValueRef value) {
      const auto found = readers_.of(value);
      return found.size() == 1 && readers_.is_only(value, found[0]) ? found[0] : -1;
    };
    const std::int32_t turned = only_reader({attention, 0});
    if (turned < 0 || !is(turned, "permute") ||
        attributes(turned).get<std::vector<std::int64_t>>("order") !=
            std::vector<std::int64_t>{0, 2, 1, 3}) {
      return std::nullopt;
    }
    const std::int32_t rows = only_reader({turned, 0});
    if (rows < 0 || !is(rows, "reshape")) return std::nullopt;
    const Shape& from = graph_.type({turned, 0}).shape;
    if (graph_.type({rows, 0}).shape != Shape{from[0], from[1], from[2] * from[3]}) {
      return std::nullopt;
    }
    return ValueRef{rows, 0};
  }

  bool is_one_token(ValueRef x, ValueRef keys) const {
    const Shape& shape = graph_.type(x).shape;
    if (shape.size() != 3) return false;
    const auto width = graph_.type(keys).shape[3].constant();
    return shape[0].evaluate(bindings_) == 1 && shape[1].evaluate(bindings_) == 1 && width &&
           std::ranges::find(head_widths_, *width) != head_widths_.end();
  }

  // Weights that lie as the op wants them.
  static bool is_plain(const Group& step) {
    const Attribute* bias = step.attributes.find("has_bias");
    return step.attributes.get<bool>("transpose_weight") &&
           (bias == nullptr || !std::get<bool>(*bias));
  }
  static bool norm_alike(const Group& a, const Group& b) {
    for (const char* name : {"epsilon", "weight_offset"}) {
      if (a.attributes.get<double>(name) != b.attributes.get<double>(name)) return false;
    }
    return true;
  }

  std::optional<Group> around(std::int32_t attention) const {
    if (inputs(attention).size() != 3 || !attributes(attention).get<bool>("causal")) {
      return std::nullopt;
    }
    const auto find_append = [&]() -> const Group* {
      const Group* found = maker(inputs(attention)[0], "head_append", 9);
      return found != nullptr ? found : maker(inputs(attention)[0], "head_append", 7);
    };
    const Group* append = find_append();
    const auto rows = joined(attention);
    if (append == nullptr || !rows || append->outputs[0] != inputs(attention)[0]) {
      return std::nullopt;
    }
    const Group* first = maker(append->inputs[0], "norm_linears", 5);
    const Group* residual = reader(*rows, "linear_residual", 3);
    if (first == nullptr || residual == nullptr ||
        !std::ranges::equal(first->outputs, std::span(append->inputs).first(3)) ||
        residual->inputs[2] != first->inputs[0]) {
      return std::nullopt;
    }
    const Group* gated = reader(residual->outputs[0], "norm_linears_gated", 4);
    const Group* last =
        gated == nullptr ? nullptr : reader(gated->outputs[0], "linear_residual", 3);
    if (last == nullptr || last->inputs[2] != residual->outputs[0]) return std::nullopt;
    const Dim& start = append->attributes.get<Dim>("start");
    const Dim end = start + graph_.type(first->inputs[0]).shape[1];
    const bool fits = is_seen(inputs(attention)[1], append->outputs[1], end) &&
                      is_seen(inputs(attention)[2], append->outputs[2], end) && is_plain(*first) &&
                      is_plain(*residual) && is_plain(*gated) && is_plain(*last) &&
                      norm_alike(*first, *gated) &&
                      (append->inputs.size() == 7 || norm_alike(*first, *append)) &&
                      is_one_token(first->inputs[0], append->outputs[1]);
    if (!fits) return std::nullopt;

    Group layer{.nodes = {attention},
                .inputs = first->inputs,
                .outputs = {last->outputs[0], append->outputs[1], append->outputs[2]},
                .op = "decoder_layer",
                .attributes = {}};
    layer.inputs.insert(layer.inputs.end(), append->inputs.begin() + 3, append->inputs.begin() + 7);
    layer.inputs.push_back(residual->inputs[1]);
    layer.inputs.insert(layer.inputs.end(), gated->inputs.begin() + 1, gated->inputs.end());
    layer.inputs.push_back(last->inputs[1]);
    layer.inputs.insert(layer.inputs.end(), append->inputs.begin() + 7, append->inputs.end());
    for (const Group* step : {first, append, residual, gated, last}) {
      layer.nodes.insert(layer.nodes.end(), step->nodes.begin(), step->nodes.end());
    }
    std::ranges::sort(layer.nodes);
    const auto copy = [&](const Attributes& from, std::initializer_list<const char*> names) {
      for (const char* name : names) layer.attributes.set(name, *from.find(name));
    };
    copy(append->attributes, {"start", "interleaved"});
    copy(gated->attributes, {"epsilon", "weight_offset", "activation"});
    copy(attributes(attention), {"scale", "window", "softcap"});
    const Op& op = ops_.get(layer.op);
    layer.attributes = layer.attributes.complete(op.name, op.attributes);
    if (!keeps_to_itself(layer) || !gives_as_before(layer, op)) return std::nullopt;
    return layer;
  }

  // Whether all that is read of its nodes by others is among the outputs, and no input rests on one
  // of its nodes.
  bool keeps_to_itself(const Group& layer) const {
    std::set<std::int32_t> inside(layer.nodes.begin(), layer.nodes.end());
    for (const std::int32_t node : layer.nodes) {
      if (!is_read_inside(node, layer, inside)) return false;
    }
    std::set<std::int32_t> seen;
    std::vector<std::int32_t> pending;
    for (const ValueRef input : layer.inputs) pending.push_back(input.node);
    while (!pending.empty()) {
      const std::int32_t node = pending.back();
      pending.pop_back();
      if (inside.contains(node)) return false;
      if (!seen.insert(node).second) continue;
      for (const ValueRef input : inputs(node)) pending.push_back(input.node);
    }
    return true;
  }

  bool is_read_inside(std::int32_t node, const Group& layer,
                      const std::set<std::int32_t>& inside) const {
    const auto count = static_cast<std::int32_t>(graph_.node(node).outputs.size());
    for (std::int32_t i = 0; i < count; ++i) {
      const ValueRef value{node, i};
      if (std::ranges::find(layer.outputs, value) != layer.outputs.end()) continue;
      if (readers_.is_given(value)) return false;
      for (const std::int32_t other : readers_.of(value)) {
        if (inside.contains(other)) continue;
        const bool is_view = ops_.get(graph_.node(other).op).view != nullptr;
        if (!is_view || !is_read_inside(other, layer, inside)) return false;
      }
    }
    return true;
  }

  bool gives_as_before(const Group& layer, const Op& op) const {
    std::vector<TensorType> types;
    for (const ValueRef input : layer.inputs) types.push_back(graph_.type(input));
    try {
      return std::ranges::equal(
          infer_types(op, types, layer.attributes), layer.outputs,
          [&](const TensorType& type, ValueRef output) { return type == graph_.type(output); });
    } catch (const Error&) {
      return false;
    }
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Bindings& bindings_;
  const std::span<const std::int64_t> head_widths_;
  const Readers readers_;
  const std::vector<Group> steps_;
  std::map<ValueRef, const Group*> makers_;
};

}  // namespace

std::vector<Group> find_layers(const Graph& graph, const OpSet& ops, const Bindings& bindings,
                               std::span<const std::int64_t> head_widths) {
  return LayerFinder(graph, ops, bindings, head_widths).find();
}

}  // namespace paceline::fusion
