#pragma once

#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/ops/all_ops.h"

// Ops by their references, for tests: elements are f64, i64 or bool.
namespace paceline::test {

inline const Op& op(std::string_view name) { return ops::all_ops().get(name); }

Tensor doubles(Extents extents, const std::vector<double>& elements);
Tensor integers(Extents extents, const std::vector<std::int64_t>& elements);
Tensor booleans(Extents extents, const std::vector<bool>& elements);

// Defaults are filled in and types inferred, as a graph would.
std::vector<Tensor> call(const Op& op, const std::vector<Tensor>& inputs,
                         const Attributes& attributes = {});
Tensor call(std::string_view op, const std::vector<Tensor>& inputs,
            const Attributes& attributes = {});

// The type of output 0, and its text.
TensorType infer(std::string_view op, const std::vector<TensorType>& inputs,
                 const Attributes& attributes = {});
std::string infer_text(std::string_view op, const std::vector<TensorType>& inputs,
                       const Attributes& attributes = {});

// The outputs of a graph whose inputs, in order, are `inputs`; it has neither weights nor states.
std::vector<Tensor> evaluate(const Graph& graph, const std::vector<Tensor>& inputs,
                             const Bindings& bindings = {});

// A graph of the decomposition of a composite op, down to atomic ops.
Graph decomposition(const Op& op, const std::vector<TensorType>& inputs,
                    const Attributes& attributes);

}  // namespace paceline::test
