#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/ops/support/fused_program.h"

namespace paceline::fusion {

// Writes nodes of a graph as one program. Nodes come in order; a value that no node before gave is
// an input of the program. A value, cheap to copy before a trial.
class ProgramBuilder {
 public:
  ProgramBuilder(const Graph& graph, const OpSet& ops) : graph_(&graph), ops_(&ops) {}

  // False when the node is nothing that a program can say; the builder is of no use afterwards.
  bool add(std::int32_t node);

  struct Result {
    std::string program;
    std::vector<ValueRef> inputs;
  };
  // With steps that no output needs left out, in an order that outputs alone decide. nullopt when
  // the op `fused` refuses it, or when an output or a step has another type than its node.
  std::optional<Result> finish(std::span<const ValueRef> outputs) const;

 private:
  using Operand = ops::FusedProgram::Operand;
  using Step = ops::FusedProgram::Step;
  using Values = std::map<ValueRef, Operand>;

  std::optional<Operand> operand(const Graph& graph, ValueRef value, Values& values);
  bool translate(const Graph& graph, std::int32_t node, Values& values);
  bool expand(const Graph& graph, const Node& node, std::int32_t index, Values& values);
  std::optional<Step> step_of(const Graph& graph, const Node& node, Values& values);
  bool reduces_all(const Graph& graph, const Node& node, const Step& step) const;
  Shape shape_of(const Operand& operand) const;

  const Graph* graph_;
  const OpSet* ops_;
  ops::FusedProgram program_;
  std::vector<Shape> shapes_;  // By step, before it is broadcast.
  std::vector<Dtype> dtypes_;  // By step: of its node.
  std::vector<ValueRef> inputs_;
  Values values_;  // Of graph_.
};

}  // namespace paceline::fusion
