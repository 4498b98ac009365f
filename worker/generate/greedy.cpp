#include "worker/generate/greedy.h"

#include <vector>

#include "common/base/error.h"
#include "scheduler/passes/passes.h"

namespace paceline {

Graph greedy_form(const Graph& graph, const OpSet& ops) {
  GraphBuilder builder(ops, graph.name());
  std::vector<std::vector<Value>> values;
  const auto at = [&](ValueRef value) { return values[value.node].at(value.output); };
  for (std::int32_t i = 0; i < std::ssize(graph.nodes()); ++i) {
    std::vector<Value> inputs;
    for (const ValueRef input : graph.node(i).inputs) inputs.push_back(at(input));
    values.push_back(builder.copy(graph, i, inputs));
  }
  bool has_logits = false;
  for (const auto& [name, value] : graph.outputs()) {
    if (name != "logits") {
      builder.output(name, at(value));
      continue;
    }
    has_logits = true;
    const Attributes last{{"axis", std::int64_t{-1}}};
    const Value token =
        builder.op("argmax", {at(value)}, {{"axis", std::int64_t{-1}}, {"keep_dims", true}});
    builder.output("token", token);
    builder.output("logit", builder.op("gather_elements", {at(value), token}, last));
  }
  if (!has_logits) throw invalid("\"{}\" has no output \"logits\"", graph.name());
  for (const auto& [state, value] : graph.state_updates()) {
    builder.update(at({state, 0}), at(value));
  }
  return builder.finish();
}

Graph form_for(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  const auto length = bindings.find("N");
  if (length == bindings.end() || length->second != 1) return graph;
  return bind_symbols(graph, ops, {{"N", 1}});
}

}  // namespace paceline
