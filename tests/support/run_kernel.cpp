#include "tests/support/run_kernel.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace paceline::test {
namespace {

constexpr std::byte rubbish{0xff};  // NaN, -1, 255.
constexpr std::byte guard{0xa5};
constexpr std::size_t guard_bytes = 64;

// Memory aligned to 64 bytes between guards.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), storage_(bytes + 3 * guard_bytes, guard) {
    const auto misaligned = reinterpret_cast<std::uintptr_t>(storage_.data()) % guard_bytes;
    data_ = storage_.data() + 2 * guard_bytes - misaligned;
  }

  void* data() { return data_; }
  void fill(std::byte value) { std::fill_n(data_, bytes_, value); }
  bool is_intact() const {
    const auto is_guard = [](std::byte byte) { return byte == guard; };
    return std::all_of(storage_.data(), static_cast<const std::byte*>(data_), is_guard) &&
           std::all_of(static_cast<const std::byte*>(data_ + bytes_),
                       storage_.data() + storage_.size(), is_guard);
  }

 private:
  std::size_t bytes_;
  std::vector<std::byte> storage_;
  std::byte* data_;
};

std::vector<TensorType> types_of(std::span<const TensorView> views) {
  std::vector<TensorType> types;
  for (const TensorView& view : views) {
    types.push_back({view.dtype, Shape(view.extents, view.extents + view.rank)});
  }
  return types;
}

Extents extents_of(const TensorType& type) { return evaluate(type.shape, {}); }

void visit_indices(const TensorView& view, auto&& visit) {
  std::vector<std::int64_t> index(view.rank, 0);
  for (std::int64_t i = 0; i < view.element_count(); ++i) {
    visit(i, std::inner_product(index.begin(), index.end(), view.strides, std::int64_t{0}));
    for (int axis = view.rank; axis-- > 0 && ++index[axis] == view.extents[axis];) index[axis] = 0;
  }
}

// The order in memory, from slowest to fastest, and the step between elements of each axis.
struct Placement {
  std::vector<int> order;
  std::vector<std::int64_t> padding;  // Added to the extent of each axis.
  std::int64_t step = 1;
  bool is_reversed = false;
};

Placement placement_of(Arrangement arrangement, int rank) {
  Placement place{.order = std::vector<int>(rank), .padding = std::vector<std::int64_t>(rank, 0)};
  std::iota(place.order.begin(), place.order.end(), 0);
  const auto before_last = place.order.end() - std::min(rank, 1);
  switch (arrangement) {
    case Arrangement::dense:
      break;
    case Arrangement::gaps:
      std::fill(place.padding.begin(), place.padding.end(), 3);
      break;
    case Arrangement::permuted:
      std::reverse(place.order.begin(), before_last);
      break;
    case Arrangement::transposed:
      std::reverse(place.order.begin(), place.order.end());
      break;
    case Arrangement::spread:
      place.step = 2;
      break;
    case Arrangement::reversed:
      place.is_reversed = rank > 0;
      break;
  }
  return place;
}

// memcpy, but of nothing there may be no address.
void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

bool have_equal_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) {
    return x.size_bytes() == 0 || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
  });
}

// One instruction of a plan: operands, workspace and the kernel's state, resolved.
class Instruction {
 public:
  Instruction(const Kernel& kernel, const Op& op, const Attributes& attributes,
              std::span<const TensorView> inputs, const RunOptions& options)
      : kernel_(kernel),
        options_(options),
        given_(inputs.begin(), inputs.end()),
        inputs_(given_),
        types_(infer_types(op, types_of(inputs), attributes)),
        arena_(options.threads) {
    for (const TensorType& type : types_) add_output(type.dtype, extents_of(type));
    for (const auto& [output, input] : options.in_place)
      inputs_[input].data = outputs_[output].data;
    const Resources resources{.threads = options.threads};
    const Dim scratch = kernel.workspace_bytes
                            ? kernel.workspace_bytes({types_of(inputs), attributes}, resources)
                            : Dim(0);
    workspace_ = std::make_unique<Guarded>(scratch.evaluate({}));
    if (kernel.prepare) prepared_ = kernel.prepare(attributes, resources);
    if (kernel.bind != nullptr) arena_.execute([&] { kernel.bind(call()); });
  }

  std::vector<Tensor> run() {
    for (const auto& buffer : buffers_) buffer->fill(rubbish);
    workspace_->fill(rubbish);
    for (const auto& [output, input] : options_.in_place) {
      const TensorView& source = given_[input];
      copy_bytes(source.data, outputs_[output].data,
                 source.element_count() * size_bytes(source.dtype));
    }
    arena_.execute([&] { kernel_.run(call()); });
    return results();
  }

  bool is_intact() const {
    return workspace_->is_intact() &&
           std::ranges::all_of(buffers_, [](const auto& buffer) { return buffer->is_intact(); });
  }

 private:
  void add_output(Dtype dtype, const Extents& extents) {
    buffers_.push_back(std::make_unique<Guarded>(element_count(extents) * size_bytes(dtype)));
    outputs_.push_back(TensorView::dense(buffers_.back()->data(), dtype, extents));
  }

  Call call() {
    return {.inputs = inputs_,
            .outputs = outputs_,
            .workspace = workspace_->data(),
            .prepared = prepared_.get(),
            .threads = options_.threads};
  }

  std::vector<Tensor> results() const {
    std::vector<Tensor> results;
    for (const TensorView& output : outputs_) {
      results.emplace_back(output.dtype, output.shape());
      copy_bytes(output.data, results.back().data(), results.back().size_bytes());
    }
    return results;
  }

  const Kernel& kernel_;
  const RunOptions& options_;
  std::vector<TensorView> given_;
  std::vector<TensorView> inputs_;  // As given, but for the one that is overwritten.
  std::vector<TensorType> types_;
  std::vector<std::unique_ptr<Guarded>> buffers_;
  std::vector<TensorView> outputs_;
  std::unique_ptr<Guarded> workspace_;
  std::unique_ptr<Prepared> prepared_;
  tbb::task_arena arena_;
};

}  // namespace

std::vector<Tensor> reference_outputs(const Op& op, const Attributes& attributes,
                                      std::span<const Tensor> inputs) {
  const auto wide = [](Dtype dtype) {
    return is_float(dtype) ? Dtype::f64 : is_integer(dtype) ? Dtype::i64 : Dtype::boolean;
  };
  std::vector<Tensor> wide_inputs;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    wide_inputs.push_back(input.cast(wide(input.dtype())));
    views.push_back(input.view());
  }
  std::vector<Tensor> outputs;
  for (const TensorType& type : infer_types(op, types_of(views), attributes)) {
    outputs.emplace_back(wide(type.dtype), extents_of(type));
  }
  op.reference({wide_inputs, outputs, attributes});
  return outputs;
}

const char* to_string(Arrangement arrangement) {
  static constexpr const char* names[] = {"dense",      "gaps",   "permuted",
                                          "transposed", "spread", "reversed"};
  return names[static_cast<int>(arrangement)];
}

StridedInput arrange(const Tensor& elements, Arrangement arrangement) {
  TensorView view = elements.view();
  const Placement place = placement_of(arrangement, view.rank);
  std::int64_t stride = place.step;
  for (auto axis = place.order.rbegin(); axis != place.order.rend(); ++axis) {
    view.strides[*axis] = stride;
    stride *= view.extents[*axis] + place.padding[*axis];
  }
  const std::int64_t size = static_cast<std::int64_t>(size_bytes(view.dtype));
  StridedInput input{.storage = std::make_shared<std::byte[]>(stride * size), .view = view};
  std::fill_n(input.storage.get(), stride * size, rubbish);
  std::byte* first = input.storage.get();
  if (place.is_reversed && view.element_count() > 0) {
    const int last = view.rank - 1;
    first += (view.extents[last] - 1) * view.strides[last] * size;
    input.view.strides[last] = -view.strides[last];
  }
  input.view.data = first;
  visit_indices(input.view, [&](std::int64_t i, std::int64_t offset) {
    std::memcpy(first + offset * size, elements.as<std::byte>() + i * size, size);
  });
  return input;
}

OperandType operand_of(const TensorView& view) {
  OperandType operand{.dtype = view.dtype, .extents = view.shape()};
  if (!view.is_dense()) operand.strides = {view.strides, view.strides + view.rank};
  return operand;
}

KernelOutcome run_kernel(const Kernel& kernel, const Op& op, const Attributes& attributes,
                         std::span<const TensorView> inputs, RunOptions options) {
  Instruction instruction(kernel, op, attributes, inputs, options);
  KernelOutcome outcome{.outputs = instruction.run()};
  outcome.is_repeatable = have_equal_bytes(outcome.outputs, instruction.run());
  outcome.wrote_outside = !instruction.is_intact();
  return outcome;
}

}  // namespace paceline::test
