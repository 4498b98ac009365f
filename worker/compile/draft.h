#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "common/graph/op.h"
#include "common/graph/path.h"
#include "common/graph/plan.h"
#include "kernels/kernel.h"

namespace paceline {

// Where a value lies: elements of a buffer.
struct Place {
  std::int32_t buffer = -1;
  Dtype dtype = Dtype::f32;
  StridedShape strided;

  friend bool operator==(const Place& a, const Place& b) {
    return a.buffer == b.buffer && a.dtype == b.dtype && a.strided.shape == b.strided.shape &&
           a.strided.strides == b.strided.strides && a.strided.offset == b.strided.offset;
  }
};

// Row-major without gaps for all bindings; `offset` may be anything.
bool is_dense(const StridedShape& strided);

// A plan before its slots are packed: instructions over buffers. Buffers of storage `slot` are yet
// to be placed, those of `prepared` have a place of their own; the others are nodes of the graph.
class Draft {
 public:
  struct Buffer {
    Plan::Storage storage = Plan::Storage::slot;
    std::int32_t node = -1;
    Device device;
    Dim bytes;
  };
  struct Operands {
    std::vector<Place> inputs;
    std::vector<Place> outputs;
    std::int32_t workspace = -1;  // A buffer.
  };
  struct Step {
    Plan::Instruction instruction;  // Its operands are in `operands`.
    Operands operands;
    const Kernel* kernel = nullptr;
  };
  struct Output {
    std::string name;
    Place place;
  };

  std::int32_t add_buffer(Buffer buffer);
  // A new buffer of that storage (slot or prepared) that holds the elements dense.
  Place add_dense(Plan::Storage storage, const TensorType& type, Device device);

  std::vector<Buffer> buffers;
  std::vector<Step> prologue;
  std::vector<Step> steps;
  std::vector<Output> outputs;

 private:
  // Polynomials that many buffers have in common.
  struct DenseForm {
    Dtype dtype = Dtype::f32;
    StridedShape strided;
    Dim bytes;
  };
  const DenseForm& dense_form(const TensorType& type);

  std::vector<std::unique_ptr<const DenseForm>> dense_forms_;
};

// Turns a path into instructions: resolves views, inserts copies, decides what runs in place and,
// with `has_prologue`, what runs before all runs.
Draft lower(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
            const Bindings& sample, const Resources& resources, bool has_prologue);

}  // namespace paceline
