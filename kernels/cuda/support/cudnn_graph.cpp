#include "kernels/cuda/support/cudnn_graph.h"

#if __has_include(<cudnn.h>)

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "common/base/error.h"

namespace paceline::kernels::cuda {
namespace {

cudnnBackendDescriptor_t create(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  check_cudnn(cudnn()->create_descriptor(type, &made), "a descriptor of cuDNN");
  return made;
}

CudnnGraph::Extents dense_strides(const CudnnGraph::Extents& extents) {
  CudnnGraph::Extents strides(extents.size(), 1);
  for (std::size_t axis = extents.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * extents[axis];
  }
  return strides;
}

// A tensor's descriptor but for what makes it one in memory, between operations or a number.
CudnnDescriptor tensor_of(cudnnDataType_t type, const CudnnGraph::Extents& extents,
                          const CudnnGraph::Extents& strides, std::int64_t alignment,
                          std::int64_t id) {
  CudnnDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, extents);
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, strides);
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  return tensor;
}

// Of tensors that are no operands.
constexpr std::int64_t first_other_id = 1000;
constexpr std::int64_t most_configs = 64;

std::vector<cudnnBackendNumericalNote_t> notes_of(cudnnBackendDescriptor_t config) {
  const CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t wanted = engine.get();
  std::int64_t count = 0;
  check_cudnn(cudnn()->get_attribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &wanted),
              "an engine of cuDNN");
  std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  check_cudnn(cudnn()->get_attribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                     CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                                     &count, notes.data()),
              "what an engine of cuDNN says of its numbers");
  notes.resize(std::min<std::size_t>(count, notes.size()));
  return notes;
}

}  // namespace

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) : owned_(create(type)) {}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                          std::int64_t count, const void* values) {
  check_cudnn(cudnn()->set_attribute(get(), name, type, count, values),
              "an attribute of a descriptor of cuDNN");
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
  set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other) {
  const cudnnBackendDescriptor_t value = other.get();
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, value);
}

cudnnStatus_t CudnnDescriptor::try_to_finish() { return cudnn()->finalize(get()); }

void CudnnDescriptor::finish() { check_cudnn(try_to_finish(), "a descriptor of cuDNN"); }

cudnnDataType_t cudnn_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16:
      return CUDNN_DATA_HALF;
    case Dtype::bf16:
      return CUDNN_DATA_BFLOAT16;
    default:
      check(dtype == Dtype::f32, "a dtype of cuDNN's kernels");
      return CUDNN_DATA_FLOAT;
  }
}

CudnnGraph::Tensor CudnnGraph::add(CudnnDescriptor tensor) {
  tensor.finish();
  tensors_.push_back(std::move(tensor));
  return tensors_.size() - 1;
}

CudnnGraph::Tensor CudnnGraph::operand(Dtype dtype, const Extents& extents, const Extents& strides,
                                       std::int64_t alignment) {
  return add(tensor_of(cudnn_type(dtype), extents, strides, alignment, operands_++));
}

CudnnGraph::Tensor CudnnGraph::between(cudnnDataType_t type, const Extents& extents) {
  CudnnDescriptor tensor =
      tensor_of(type, extents, dense_strides(extents), 16, first_other_id + others_++);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, true);
  return add(std::move(tensor));
}

CudnnGraph::Tensor CudnnGraph::add_number(cudnnDataType_t type, const void* value,
                                          std::size_t bytes) {
  Number& number = numbers_.emplace_back();
  number.id = first_other_id + others_++;
  std::memcpy(number.bytes, value, bytes);
  const Extents one(4, 1);
  CudnnDescriptor tensor = tensor_of(type, one, one, 16, number.id);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, true);
  return add(std::move(tensor));
}

CudnnGraph::Tensor CudnnGraph::number(float value) {
  return add_number(CUDNN_DATA_FLOAT, &value, sizeof(value));
}

CudnnGraph::Tensor CudnnGraph::number(std::int32_t value) {
  return add_number(CUDNN_DATA_INT32, &value, sizeof(value));
}

CudnnDescriptor& CudnnGraph::operation(cudnnBackendDescriptorType_t type) {
  return operations_.emplace_back(type);
}

void CudnnGraph::convolution(Tensor x, Tensor weight, Tensor out, const CudnnWindows& windows) {
  CudnnDescriptor& what = descriptions_.emplace_back(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const auto axes = static_cast<std::int64_t>(windows.strides.size());
  what.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, axes);
  what.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  what.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
  what.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, windows.strides);
  what.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, windows.dilations);
  what.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, windows.low);
  what.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, windows.high);
  what.finish();
  CudnnDescriptor& step = operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensors_[x]);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensors_[weight]);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, tensors_[out]);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, what);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0f);
  step.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0f);
  step.finish();
}

void CudnnGraph::matmul(Tensor a, Tensor b, Tensor out) {
  CudnnDescriptor& what = descriptions_.emplace_back(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  what.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  what.finish();
  CudnnDescriptor& step = operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  step.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, tensors_[a]);
  step.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, tensors_[b]);
  step.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, tensors_[out]);
  step.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, what);
  step.finish();
}

void CudnnGraph::reduction(cudnnReduceTensorOp_t op, Tensor x, Tensor out) {
  CudnnDescriptor& what = descriptions_.emplace_back(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  what.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  what.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, op);
  what.finish();
  CudnnDescriptor& step = operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  step.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, tensors_[x]);
  step.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, tensors_[out]);
  step.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, what);
  step.finish();
}

CudnnDescriptor CudnnGraph::mode_of(cudnnPointwiseMode_t mode, cudnnDataType_t math) {
  CudnnDescriptor what(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  what.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  what.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, math);
  return what;
}

// Without what an operation has besides; the caller finishes it.
CudnnDescriptor& CudnnGraph::begin_pointwise(CudnnDescriptor mode, Tensor x, Tensor out) {
  mode.finish();
  descriptions_.push_back(std::move(mode));
  CudnnDescriptor& step = operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, descriptions_.back());
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensors_[x]);
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensors_[out]);
  return step;
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t math, Tensor x, Tensor out) {
  begin_pointwise(mode_of(mode, math), x, out).finish();
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t math, Tensor x, Tensor b,
                           Tensor out) {
  CudnnDescriptor& step = begin_pointwise(mode_of(mode, math), x, out);
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[b]);
  step.finish();
}

void CudnnGraph::select(Tensor x, Tensor other, Tensor kept, Tensor out) {
  CudnnDescriptor& step =
      begin_pointwise(mode_of(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT), x, out);
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[other]);
  step.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, tensors_[kept]);
  step.finish();
}

void CudnnGraph::index(std::int64_t axis, Tensor x, Tensor out) {
  CudnnDescriptor mode = mode_of(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT);
  mode.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis);
  begin_pointwise(std::move(mode), x, out).finish();
}

CudnnEngines::CudnnEngines(CudnnGraph graph, const CudnnLimits& limits, cudnnHandle_t handle)
    : graph_(std::move(graph)),
      limits_(limits),
      handle_(handle),
      whole_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const CudnnDescriptor& step : graph_.operations_) operations.push_back(step.get());
  whole_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
             static_cast<std::int64_t>(operations.size()), operations.data());
  whole_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle_);
  if (whole_.try_to_finish() != CUDNN_STATUS_SUCCESS) return;  // No engine computes it.
  ask(CUDNN_HEUR_MODE_A);
  ask(CUDNN_HEUR_MODE_FALLBACK);
}

void CudnnEngines::ask(cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, whole_);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (heuristic.try_to_finish() != CUDNN_STATUS_SUCCESS) return;
  std::vector<CudnnDescriptor> room;
  std::vector<cudnnBackendDescriptor_t> wanted;
  for (std::int64_t i = 0; i < most_configs; ++i) {
    wanted.push_back(room.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  }
  std::int64_t count = 0;
  const cudnnStatus_t status =
      cudnn()->get_attribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                             CUDNN_TYPE_BACKEND_DESCRIPTOR, most_configs, &count, wanted.data());
  if (status != CUDNN_STATUS_SUCCESS) return;
  for (std::int64_t i = 0; i < std::min(count, most_configs); ++i) {
    if (fits(room[i].get())) configs_.push_back(std::move(room[i]));
  }
}

bool CudnnEngines::fits(cudnnBackendDescriptor_t config) const {
  const auto notes = notes_of(config);
  const auto has = [&](cudnnBackendNumericalNote_t note) {
    return std::ranges::find(notes, note) != notes.end();
  };
  for (const auto refused :
       {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
        CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, CUDNN_NUMERICAL_NOTE_FFT,
        CUDNN_NUMERICAL_NOTE_WINOGRAD}) {
    if (has(refused)) return false;
  }
  return limits_.has_tensor_cores || !has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
}

// Compiles the next one that can be; false where there is none.
bool CudnnEngines::take_next() {
  while (next_ < configs_.size()) {
    const CudnnDescriptor& config = configs_[next_++];
    CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle_);
    if (plan.try_to_finish() != CUDNN_STATUS_SUCCESS) continue;
    std::int64_t bytes = 0, count = 0;
    check_cudnn(cudnn()->get_attribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                       CUDNN_TYPE_INT64, 1, &count, &bytes),
                "the workspace of an engine of cuDNN");
    if (bytes > limits_.workspace_bytes) continue;
    plans_.push_back(std::move(plan));
    return true;
  }
  return false;
}

const CudnnDescriptor* CudnnEngines::plan(std::size_t index) {
  while (plans_.size() <= index) {
    if (!take_next()) return nullptr;
  }
  return &plans_[index];
}

CudnnCall::CudnnCall(const CudnnEngines& engines, const CudnnDescriptor& plan,
                     std::span<void* const> addresses, void* workspace)
    : plan_(plan.get()), pack_(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
  std::vector<void*> pointers(addresses.begin(), addresses.end());
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < addresses.size(); ++i) ids.push_back(static_cast<std::int64_t>(i));
  for (const CudnnGraph::Number& number : engines.graph_.numbers_) {
    pointers.push_back(const_cast<unsigned char*>(number.bytes));
    ids.push_back(number.id);
  }
  pack_.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
            static_cast<std::int64_t>(pointers.size()), pointers.data());
  pack_.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  pack_.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  pack_.finish();
}

void CudnnCall::run(cudnnHandle_t handle) const {
  check_cudnn(cudnn()->execute(handle, plan_, pack_.get()), "an engine of cuDNN");
}

std::shared_ptr<CudnnEngines> cudnn_engines(const std::vector<std::int64_t>& problem,
                                            const CudnnLimits& limits, CUstream_st* stream,
                                            const std::function<CudnnGraph()>& describe) {
  using Key = std::tuple<cudnnHandle_t, CudnnLimits, std::vector<std::int64_t>>;
  constexpr std::size_t most = 512;
  static std::mutex mutex;
  static auto* known = new std::map<Key, std::shared_ptr<CudnnEngines>>;
  const cudnnHandle_t handle = cudnn_handle(stream);
  const std::lock_guard lock(mutex);
  if (known->size() >= most) known->clear();  // Who uses them keeps them.
  const auto [place, is_new] = known->try_emplace({handle, limits, problem});
  if (is_new) {
    try {
      place->second = std::make_shared<CudnnEngines>(describe(), limits, handle);
    } catch (const Error&) {  // A descriptor that the library refuses.
    }
  }
  return place->second;
}

}  // namespace paceline::kernels::cuda

#endif
