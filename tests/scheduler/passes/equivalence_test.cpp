#include <gtest/gtest.h>

#include "common/graph/reference.h"
#include "common/ops/all_ops.h"
#include "scheduler/passes/passes.h"
#include "tests/support/random_graph.h"

namespace paceline {
namespace {

using Named = std::map<std::string, Tensor>;

// Evaluates by references; the worker's interpreter is out of the scheduler's sight.
std::map<std::string, std::vector<double>> evaluate_graph(const Graph& graph,
                                                          const Bindings& bindings) {
  const Named inputs = test::random_tensors(graph, NodeKind::input, bindings, 1);
  const Named states = test::random_tensors(graph, NodeKind::state, bindings, 2);
  const Named weights = {{"fc.weight", Tensor::of<float>({6, 6}, std::vector<float>(36, 0.25f))}};
  std::vector<std::vector<Tensor>> values;
  for (const Node& node : graph.nodes()) {
    switch (node.kind) {
      case NodeKind::input:
        values.push_back({to_reference(inputs.at(node.name))});
        continue;
      case NodeKind::state:
        values.push_back({to_reference(states.at(node.name))});
        continue;
      case NodeKind::weight:
        values.push_back({to_reference(weights.at(node.name))});
        continue;
      case NodeKind::constant:
        values.push_back({to_reference(node.constant)});
        continue;
      case NodeKind::op:
        break;
    }
    std::vector<Tensor> operands;
    for (const ValueRef input : node.inputs) operands.push_back(values[input.node][input.output]);
    std::vector<TensorType> types;
    for (const TensorType& type : node.outputs) {
      const Extents extents = evaluate(type.shape, bindings);
      types.push_back({type.dtype, Shape(extents.begin(), extents.end())});
    }
    values.push_back(evaluate_reference(ops::all_ops().get(node.op), operands,
                                        node.attributes.bind(bindings), types));
  }
  std::map<std::string, std::vector<double>> results;
  for (const auto& [name, value] : graph.outputs()) {
    results[name] = values[value.node][value.output].to_doubles();
  }
  for (const auto& [state, value] : graph.state_updates()) {
    results["state " + graph.node(state).name] = values[value.node][value.output].to_doubles();
  }
  return results;
}

struct NamedPass {
  const char* name;
  Graph (*run)(const Graph&, const OpSet&);
};

class EveryPass : public ::testing::TestWithParam<NamedPass> {};

TEST_P(EveryPass, KeepsTheResultsOfRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Graph passed = GetParam().run(graph, ops::all_ops());
    const Bindings bindings = {{"N", 3}, {"past", 2}};
    const auto before = evaluate_graph(graph, bindings);
    const auto after = evaluate_graph(passed, bindings);
    ASSERT_EQ(before.size(), after.size());
    for (const auto& [name, elements] : before) {
      ASSERT_EQ(elements.size(), after.at(name).size());
      for (std::size_t i = 0; i < elements.size(); ++i) {
        ASSERT_NEAR(elements[i], after.at(name)[i], 1e-6) << seed << " " << name;
      }
    }
  }
}

Graph decompose_all(const Graph& graph, const OpSet& ops) {
  return decompose(graph, ops, [](const Graph&, std::int32_t) { return true; });
}

INSTANTIATE_TEST_SUITE_P(Passes, EveryPass,
                         ::testing::Values(NamedPass{"fold_constants", fold_constants},
                                           NamedPass{"remove_dead", remove_dead},
                                           NamedPass{"merge_equal", merge_equal},
                                           NamedPass{"drop_identities", drop_identities},
                                           NamedPass{"decompose", decompose_all},
                                           NamedPass{"clean", clean}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace paceline
