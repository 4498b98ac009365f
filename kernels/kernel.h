#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/graph/attributes.h"
#include "common/graph/kernel_info.h"
#include "common/graph/op.h"
#include "common/graph/tensor.h"

struct CUstream_st;  // CUDA's, behind cudaStream_t.

namespace paceline {

// What device code says of data that no kernel can process: the first such finding stays. It lies
// where host and device both see it, and the executor throws it as `invalid` once a run is over.
struct DataFault {
  enum Kind : std::int32_t { none, outside, division_by_zero, negative_shift, empty };
  std::int32_t kind = none;
  std::int32_t step = -1;                     // Call::step of the kernel that found it.
  std::int64_t value = 0, low = 0, high = 0;  // `outside`: value is not in [low, high).
};

// Numbers that change between replays of one captured run, for kernels that read them when they
// run on the device (Kernel::takes_late_dims). Borrowed.
struct LateDims {
  const std::int64_t* values = nullptr;  // On the device.
  // By operand (inputs, then outputs) and axis, tensor_rank_max each: which of `values` is the
  // extent; -1: as the operand says.
  std::span<const std::int32_t> extents;
  // By operand: which of `values` is its offset in elements, beyond an operand that is captured
  // with offset 0; -1: none.
  std::span<const std::int32_t> offsets;
  std::int32_t start = -1;  // Which of `values` is the attribute `start`.
};

// What a kernel keeps between runs of one instruction: parsed attributes, library handles.
struct Prepared {
  virtual ~Prepared() = default;
};

// What a kernel may use.
struct Resources {
  // Runs have so many threads of a oneTBB arena to themselves. A library with its own threads must
  // be held to the same number.
  int threads = 1;
  Device device = {};
};

// The arguments of one instruction, resolved once and reused for every run. Borrowed. For a kernel
// of another device than the CPU, operands and workspace are addresses of that device.
struct Call {
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
  void* workspace = nullptr;  // Aligned to 64 bytes, not cleared between runs.
  Prepared* prepared = nullptr;
  int threads = 1;
  // Of kernels for `cuda`; null on the CPU.
  CUstream_st* stream = nullptr;
  DataFault* fault = nullptr;      // As the device sees it.
  std::int32_t step = -1;          // What to write into a fault.
  const LateDims* late = nullptr;  // Null unless the kernel takes them, and while it is measured.
  // Of kernels for `cuda`, by bits: inputs that nothing enqueued on the stream writes (weights), so
  // that a kernel may read them before those ahead of it are over.
  std::uint32_t lasting_inputs = 0;

  template <typename T>
  T& state() const {
    return *static_cast<T*>(prepared);
  }
};

// One way to compute an op on one kind of device. Immutable; any thread. A file
// kernels/DEVICE/NAME.cpp defines `Kernel NAME()` (or `std::vector<Kernel> NAME()` for a family of
// rivals).
struct Kernel {
  KernelInfo info;
  // Scratch for one run, as a function of the (symbolic) operand types. Null: none.
  std::function<Dim(const OpInputs&, const Resources&)> workspace_bytes;
  // When a plan is loaded, once per instruction; once more when a symbol in its attributes is bound
  // anew, so dims in `attributes` are constants. May allocate. Null: `run` needs no state.
  std::function<std::unique_ptr<Prepared>(const Attributes&, const Resources&)> prepare;
  // After `prepare`, and when extents, strides or addresses that are not late change. May allocate.
  void (*bind)(const Call&) = nullptr;
  // The work. Allocates nothing, takes no lock, logs nothing. Throws `invalid` only for data that
  // no kernel can process (an index out of range). On `cuda` it enqueues on `call.stream` and
  // returns; its device is the thread's current one in `prepare`, `bind` and `run`; data that it
  // cannot process go to `call.fault`, and a launch that fails throws.
  void (*run)(const Call&) = nullptr;
  // `run` may be captured once and replayed while the extents, offsets and the attribute `start`
  // that `call.late` names change: it reads them on the device. Its grid, its workspace and what
  // `bind` makes depend on none of them, so that `bind` is not called again for them.
  bool takes_late_dims = false;
  // From one device to another; of the op `transfer` alone.
  enum class Crossing { none, to_device, to_host } crossing = Crossing::none;
};

}  // namespace paceline
