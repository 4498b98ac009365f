#include "tests/scheduler/exports/exports.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/graph/reference.h"
#include "common/ops/all_ops.h"
#include "tests/support/evaluate.h"

namespace paceline::test {

namespace {

std::filesystem::path folder() { return std::filesystem::path(PACELINE_TEST_DATA) / "exports"; }

bool is_true(const Node& node, std::string_view attribute) {
  return node.attributes.get<bool>(attribute);
}

bool answers_to(const Node& node, const Graph& graph, const std::string& word) {
  if (word.find('.') == std::string::npos) return node.op == word;
  if (node.op != "attention") return false;
  if (word == "attention.causal") return is_true(node, "causal");
  if (word == "attention.windowed") return node.attributes.get<std::int64_t>("window") > 0;
  if (word == "attention.capped") return node.attributes.get<double>("softcap") > 0;
  if (word == "attention.masked") return node.inputs.size() == 4;
  if (word == "attention.grouped") {
    return graph.type(node.inputs[0]).shape[1] != graph.type(node.inputs[1]).shape[1];
  }
  throw invalid("no such count: \"{}\"", word);
}

Tensor drawn(const Node& node, const Bindings& bindings, Random& random) {
  const TensorType& type = node.outputs.front();
  Tensor tensor(Dtype::f64, evaluate(type.shape, bindings));
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    tensor.as<double>()[i] = is_float(type.dtype) ? 0.5 * random.normal() : random.below(2);
    if (node.name == "attention_mask" && i % tensor.extents().back() == 0) {
      tensor.as<double>()[i] = 1;
    }
  }
  return tensor.cast(type.dtype);
}

}  // namespace

std::vector<std::string> export_names() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder())) {
    if (file.path().extension() == ".graph") names.push_back(file.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

Graph export_graph(const std::string& name) {
  return parse_graph(read_text_file(folder() / (name + ".graph")), ops::all_ops());
}

std::map<std::string, int> expected_counts(const std::string& name) {
  std::istringstream lines(read_text_file(folder() / (name + ".expected")));
  std::map<std::string, int> counts;
  std::string word;
  for (int count = 0; lines >> word >> count;) counts[word] = count;
  return counts;
}

int count_of(const Graph& graph, const std::string& word) {
  return static_cast<int>(std::ranges::count_if(
      graph.nodes(), [&](const Node& node) { return answers_to(node, graph, word); }));
}

Bindings export_bindings() { return {{"B", 2}, {"N", 5}, {"past", 3}}; }

std::map<std::string, Tensor, std::less<>> export_values(const Graph& graph, std::uint64_t seed) {
  Random random(seed);
  std::map<std::string, Tensor, std::less<>> values;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::op || node.kind == NodeKind::constant) continue;
    values[node.name] = drawn(node, export_bindings(), random);
  }
  return values;
}

std::map<std::string, Tensor> outputs_of(const Graph& graph,
                                         const std::map<std::string, Tensor, std::less<>>& values,
                                         const Bindings& bindings) {
  std::vector<Tensor> leaves;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::op || node.kind == NodeKind::constant) continue;
    leaves.push_back(to_reference(values.at(node.name)));
  }
  const std::vector<Tensor> outputs = evaluate(graph, leaves, bindings);
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < outputs.size(); ++i) named[graph.outputs()[i].name] = outputs[i];
  return named;
}

}  // namespace paceline::test
