#include "common/models/onnx/fold.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/graph/reference.h"

namespace paceline::onnx {

namespace {

const std::set<std::string_view> moving_ops{
    "reshape", "permute", "slice", "broadcast",       "copy",
    "concat",  "gather",  "where", "gather_elements", "gather_nd"};

struct Folding {
  const Op& op;
  const Node& node;
  std::vector<const Known*> in;
};

std::optional<Dim> arithmetic(const std::string& op, const Dim& a, const Dim& b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "div") {
    if (b == Dim(0)) return std::nullopt;
    return a.divide_exactly(b);
  }
  const auto sign = sign_of(a - b);
  if (!sign) return std::nullopt;
  if (op == "maximum") return *sign >= 0 ? a : b;
  if (op == "minimum") return *sign <= 0 ? a : b;
  if (op == "equal") return Dim(*sign == 0);
  if (op == "not_equal") return Dim(*sign != 0);
  if (op == "less") return Dim(*sign < 0);
  if (op == "less_equal") return Dim(*sign <= 0);
  if (op == "greater") return Dim(*sign > 0);
  if (op == "greater_equal") return Dim(*sign >= 0);
  return std::nullopt;
}

std::optional<Known> fold_binary(const Folding& folding) {
  std::vector<Dim> dims;
  for (std::int64_t i = 0; i < folding.in[0]->element_count(); ++i) {
    const auto dim = arithmetic(folding.op.name, folding.in[0]->dim(i), folding.in[1]->dim(i));
    if (!dim) return std::nullopt;
    dims.push_back(*dim);
  }
  return Known::of(folding.node.outputs[0].dtype, folding.in[0]->extents, std::move(dims));
}

// Sums and products over axes: every element goes into the one output that its place leads to.
std::optional<Known> fold_reduction(const Folding& folding, bool is_product) {
  const auto& axes = folding.node.attributes.get<std::vector<std::int64_t>>("axes");
  const Extents& in = folding.in[0]->extents;
  const auto rank = static_cast<std::int64_t>(in.size());
  Extents out = in;
  for (const std::int64_t axis : axes) out[axis < 0 ? axis + rank : axis] = 1;
  std::vector<Dim> dims(element_count(out), Dim(is_product ? 1 : 0));
  const auto strides = row_major_strides(out);
  for (std::int64_t i = 0; i < folding.in[0]->element_count(); ++i) {
    std::int64_t place = 0;
    std::int64_t rest = i;
    for (std::int64_t axis = rank - 1; axis >= 0; --axis) {
      if (out[axis] != 1) place += rest % in[axis] * strides[axis];
      rest /= in[axis];
    }
    dims[place] =
        is_product ? dims[place] * folding.in[0]->dim(i) : dims[place] + folding.in[0]->dim(i);
  }
  const TensorType& type = folding.node.outputs[0];
  return Known::of(type.dtype, evaluate(type.shape, {}), std::move(dims));
}

// Elements that are only moved are moved as numbers of places in a table.
std::optional<Known> fold_moves(const Folding& folding) {
  std::vector<Dim> table;
  std::vector<Tensor> inputs;
  for (std::size_t k = 0; k < folding.in.size(); ++k) {
    const Known& known = *folding.in[k];
    const bool is_moved = folding.op.name == "where"              ? k > 0
                          : folding.op.name.starts_with("gather") ? k == 0
                                                                  : true;
    if (!is_moved) {
      if (!known.numbers) return std::nullopt;
      inputs.push_back(to_reference(*known.numbers));
      continue;
    }
    Tensor places(Dtype::i64, known.extents);
    for (std::int64_t i = 0; i < known.element_count(); ++i) {
      places.as<std::int64_t>()[i] = static_cast<std::int64_t>(table.size());
      table.push_back(known.dim(i));
    }
    inputs.push_back(std::move(places));
  }
  const TensorType& type = folding.node.outputs[0];
  const auto moved = evaluate_reference(folding.op, inputs, folding.node.attributes,
                                        std::vector<TensorType>{{Dtype::i64, type.shape}});
  std::vector<Dim> dims;
  for (std::int64_t i = 0; i < moved[0].element_count(); ++i) {
    dims.push_back(table.at(moved[0].as<std::int64_t>()[i]));
  }
  return Known::of(type.dtype, evaluate(type.shape, {}), std::move(dims));
}

std::optional<Known> fold_symbolic(const Folding& folding) {
  const std::string& op = folding.op.name;
  const Dtype dtype = folding.node.outputs[0].dtype;
  if (moving_ops.contains(op)) return fold_moves(folding);
  if (op == "reduce_sum" || op == "reduce_prod") {
    return fold_reduction(folding, op == "reduce_prod");
  }
  if (op == "cast" && (dtype == Dtype::i64 || dtype == Dtype::i32)) {
    Known cast = *folding.in[0];
    cast.dtype = dtype;
    return cast;
  }
  if (op == "neg") {
    std::vector<Dim> dims;
    for (const Dim& dim : folding.in[0]->dims) dims.push_back(Dim(0) - dim);
    return Known::of(dtype, folding.in[0]->extents, std::move(dims));
  }
  if (op == "cumsum" && folding.in[0]->extents.size() == 1) {
    std::vector<Dim> dims;
    for (const Dim& dim : folding.in[0]->dims) {
      dims.push_back(dims.empty() ? dim : dims.back() + dim);
    }
    return Known::of(dtype, folding.in[0]->extents, std::move(dims));
  }
  return folding.in.size() == 2 ? fold_binary(folding) : std::nullopt;
}

std::optional<std::vector<Known>> fold_numbers(const Folding& folding) {
  std::vector<Tensor> inputs;
  for (const Known* known : folding.in) inputs.push_back(to_reference(*known->numbers));
  std::vector<Known> outputs;
  const auto results =
      evaluate_reference(folding.op, inputs, folding.node.attributes, folding.node.outputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    outputs.push_back(Known::of(results[i].cast(folding.node.outputs[i].dtype)));
  }
  return outputs;
}

bool is_small(const TensorType& type) {
  const auto count = element_count(type.shape).constant();
  return count && *count <= folded_count_max;
}

std::optional<std::vector<Known>> fold_node(const Folding& folding) {
  const Node& node = folding.node;
  if (!folding.op.facts.deterministic || folding.op.facts.collective) return std::nullopt;
  if (!std::all_of(node.outputs.begin(), node.outputs.end(), is_small)) return std::nullopt;
  const bool has_symbols = std::any_of(folding.in.begin(), folding.in.end(),
                                       [](const Known* known) { return !known->numbers; });
  if (node.op == "iota" && !symbols_of(node.attributes).empty()) {
    const std::int64_t count = *node.outputs[0].shape[0].constant();
    std::vector<Dim> dims;
    for (std::int64_t i = 0; i < count; ++i) {
      dims.push_back(node.attributes.get<Dim>("start") + Dim(i));
    }
    return std::vector{Known::of(node.outputs[0].dtype, {count}, std::move(dims))};
  }
  if (!symbols_of(node.attributes).empty()) return std::nullopt;
  if (!has_symbols) return fold_numbers(folding);
  auto folded = fold_symbolic(folding);
  if (!folded) return std::nullopt;
  return std::vector{std::move(*folded)};
}

}  // namespace

std::optional<int> sign_of(const Dim& dim) {
  if (const auto number = dim.constant()) return *number < 0 ? -1 : *number > 0;
  Bindings zeros;
  for (const std::string& symbol : dim.symbols()) zeros[symbol] = 0;
  const std::int64_t floor = dim.evaluate(zeros);
  // A polynomial's text has a sign before every term but a first positive one.
  const std::string text = dim.to_string();
  if (text.find('-') == std::string::npos && floor > 0) return 1;
  if (text.starts_with('-') && text.find('+') == std::string::npos && floor < 0) return -1;
  return std::nullopt;
}

std::optional<std::vector<Known>> fold(const Graph& graph, const OpSet& ops) {
  std::vector<std::vector<Known>> values;
  try {
    for (const Node& node : graph.nodes()) {
      if (node.kind == NodeKind::constant) {
        values.push_back({Known::of(node.constant)});
        continue;
      }
      if (node.kind != NodeKind::op) return std::nullopt;
      Folding folding{ops.get(node.op), node, {}};
      for (const ValueRef ref : node.inputs) folding.in.push_back(&values[ref.node][ref.output]);
      auto folded = fold_node(folding);
      if (!folded) return std::nullopt;
      values.push_back(std::move(*folded));
    }
  } catch (const Error&) {
    return std::nullopt;  // What the reference refuses, the run says when it comes to it.
  }
  std::vector<Known> outputs;
  for (const NamedOutput& output : graph.outputs()) {
    outputs.push_back(values[output.value.node][output.value.output]);
  }
  return outputs;
}

}  // namespace paceline::onnx
