#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/graph/attributes.h"
#include "common/graph/kernel_info.h"
#include "common/graph/op.h"
#include "common/graph/tensor.h"

namespace paceline {

// What a kernel keeps between runs of one instruction: parsed attributes, library handles.
struct Prepared {
  virtual ~Prepared() = default;
};

// What a kernel may use.
struct Resources {
  // Runs happen inside a oneTBB arena of this many threads. A library with its own threads must
  // be held to the same number.
  int threads = 1;
};

// The arguments of one instruction, resolved once and reused for every run. Borrowed.
struct Call {
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
  void* workspace = nullptr;  // Aligned to 64 bytes, not cleared between runs.
  Prepared* prepared = nullptr;
  int threads = 1;

  template <typename T>
  T& state() const {
    return *static_cast<T*>(prepared);
  }
};

// One way to compute an op on one kind of device. Immutable; any thread. A file
// kernels/cpu/NAME.cpp defines `Kernel NAME()` (or `std::vector<Kernel> NAME()` for a family of
// rivals).
struct Kernel {
  KernelInfo info;
  // Scratch for one run, as a function of the (symbolic) operand types. Null: none.
  std::function<Dim(const OpInputs&, const Resources&)> workspace_bytes;
  // When a plan is loaded, once per instruction; once more when a symbol in its attributes is bound
  // anew, so dims in `attributes` are constants. May allocate. Null: `run` needs no state.
  std::function<std::unique_ptr<Prepared>(const Attributes&, const Resources&)> prepare;
  // After `prepare` and whenever extents, strides or addresses change; may allocate. Null: nothing.
  void (*bind)(const Call&) = nullptr;
  // The work. Allocates nothing, takes no lock, logs nothing. Throws `invalid` only for data that
  // no kernel can process (an index out of range).
  void (*run)(const Call&) = nullptr;
};

}  // namespace paceline
