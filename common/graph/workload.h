#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/attributes.h"
#include "common/graph/graph.h"

namespace paceline {

// A tensor with its symbols bound, as a kernel gets it.
struct OperandType {
  Dtype dtype = Dtype::f32;
  Extents extents;
  // In elements; empty means dense row-major (the normal form of dense strides).
  std::vector<std::int64_t> strides = {};
  std::string packing = {};

  friend bool operator==(const OperandType&, const OperandType&) = default;
  std::int64_t element_count() const { return paceline::element_count(extents); }
  std::size_t size_bytes() const { return element_count() * paceline::size_bytes(dtype); }
  std::string to_string() const;  // "f32[2,40,64]", "f32[2,4,40,16]{10240,16,64,1}"
};

// What is timed: an op with its attributes and the dtype, shape and layout of each operand.
struct Workload {
  std::string op;
  Attributes attributes;
  std::vector<OperandType> inputs;
  std::vector<OperandType> outputs;

  friend bool operator==(const Workload&, const Workload&) = default;
  WorkloadId id() const;
  // "matmul(f32[40,64], f32[64,64], transpose_b=true) -> f32[40,64]"; parses back.
  std::string to_text() const;
};

Workload parse_workload(std::string_view text, const OpSet& ops);  // Throws `invalid`.

// The dense workload of an op node under `bindings`.
Workload workload_of(const Graph& graph, std::int32_t node, const Bindings& bindings);
Workload workload_of(const Op& op, const Sample& sample);

}  // namespace paceline
