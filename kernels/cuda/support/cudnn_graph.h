#pragma once

#include "kernels/cuda/libraries/cudnn.h"

#if __has_include(<cudnn.h>)

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "common/graph/dtype.h"

// Graphs of operations as cuDNN computes them at once: described, then one of the engines that the
// library names for it. Nothing here is bound to addresses.
namespace paceline::kernels::cuda {

struct DestroyCudnn {
  void operator()(void* descriptor) const { cudnn()->destroy_descriptor(descriptor); }
};

// One of the library's descriptors: attributes first, then `finish`.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    set(name, type, 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other);
  void finish();
  cudnnStatus_t try_to_finish();

  cudnnBackendDescriptor_t get() const { return owned_.get(); }

 private:
  std::unique_ptr<std::remove_pointer_t<cudnnBackendDescriptor_t>, DestroyCudnn> owned_;
};

cudnnDataType_t cudnn_type(Dtype dtype);

// Where windows lie on each spatial axis.
struct CudnnWindows {
  std::vector<std::int64_t> strides, dilations, low, high;
};

// Operands have numbers, in the order in which they were added: 0, 1, ... Addresses are given in
// that order when an engine runs.
class CudnnGraph {
 public:
  using Extents = std::vector<std::int64_t>;
  using Tensor = std::size_t;  // Of this graph.

  // In memory; `alignment` in bytes.
  Tensor operand(Dtype dtype, const Extents& extents, const Extents& strides,
                 std::int64_t alignment);
  // Between two operations, dense, never in memory.
  Tensor between(cudnnDataType_t type, const Extents& extents);
  Tensor number(float value);
  Tensor number(std::int32_t value);

  // Sums are kept in float.
  void convolution(Tensor x, Tensor weight, Tensor out, const CudnnWindows& windows);
  void matmul(Tensor a, Tensor b, Tensor out);
  void reduction(cudnnReduceTensorOp_t op, Tensor x, Tensor out);
  void pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t math, Tensor x, Tensor out);
  void pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t math, Tensor x, Tensor b, Tensor out);
  // x where `kept`, else `other`.
  void select(Tensor x, Tensor other, Tensor kept, Tensor out);
  // The number along an axis of each element of x.
  void index(std::int64_t axis, Tensor x, Tensor out);

 private:
  friend class CudnnEngines;
  friend class CudnnCall;
  struct Number {
    std::int64_t id = 0;
    alignas(8) unsigned char bytes[8] = {};
  };

  Tensor add(CudnnDescriptor tensor);
  Tensor add_number(cudnnDataType_t type, const void* value, std::size_t bytes);
  CudnnDescriptor& operation(cudnnBackendDescriptorType_t type);
  CudnnDescriptor& begin_pointwise(CudnnDescriptor mode, Tensor x, Tensor out);
  CudnnDescriptor mode_of(cudnnPointwiseMode_t mode, cudnnDataType_t math);

  std::int64_t operands_ = 0, others_ = 0;
  std::deque<CudnnDescriptor> tensors_, descriptions_, operations_;
  std::deque<Number> numbers_;
};

// Which engines a kernel takes.
struct CudnnLimits {
  std::int64_t workspace_bytes = 0;
  bool has_tensor_cores = true;  // Else engines that use them are left out.

  friend auto operator<=>(const CudnnLimits&, const CudnnLimits&) = default;
};

// The engines that the library names for a graph, best first, without those that give other bytes
// each time, that round operands first, that compute by transforms, or that do not fit the limits.
class CudnnEngines {
 public:
  // Requires: the device is the thread's current one.
  CudnnEngines(CudnnGraph graph, const CudnnLimits& limits, cudnnHandle_t handle);

  // Null: there are not so many. Compiles the engine when it is first asked for.
  const CudnnDescriptor* plan(std::size_t index);

 private:
  friend class CudnnCall;
  bool fits(cudnnBackendDescriptor_t config) const;
  void ask(cudnnBackendHeurMode_t mode);
  bool take_next();

  CudnnGraph graph_;
  CudnnLimits limits_;
  cudnnHandle_t handle_;
  CudnnDescriptor whole_;
  std::deque<CudnnDescriptor> configs_;
  std::size_t next_ = 0;
  std::deque<CudnnDescriptor> plans_;
};

// Addresses and an engine, ready to be enqueued.
class CudnnCall {
 public:
  // `addresses` by operand. The engines must outlive it.
  CudnnCall(const CudnnEngines& engines, const CudnnDescriptor& plan,
            std::span<void* const> addresses, void* workspace);

  void run(cudnnHandle_t handle) const;

 private:
  cudnnBackendDescriptor_t plan_;
  CudnnDescriptor pack_;
};

// The engines of a graph on a stream. `problem` says all that `describe` depends on; equal ones
// share theirs, since making them costs milliseconds, compiling them more. Null: none computes it.
std::shared_ptr<CudnnEngines> cudnn_engines(const std::vector<std::int64_t>& problem,
                                            const CudnnLimits& limits, CUstream_st* stream,
                                            const std::function<CudnnGraph()>& describe);

}  // namespace paceline::kernels::cuda

#endif
