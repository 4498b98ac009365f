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

std::vector<Tensor> outputs_of(const std::vector<TensorType>& types,
                               const std::vector<std::unique_ptr<Guarded>>& buffers) {
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < types.size(); ++i) {
    Tensor tensor(types[i].dtype, extents_of(types[i]));
    if (tensor.size_bytes() > 0) {
      std::memcpy(tensor.data(), buffers[i]->data(), tensor.size_bytes());
    }
    outputs.push_back(tensor);
  }
  return outputs;
}

bool have_equal_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) {
    return x.size_bytes() == 0 || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
  });
}

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
  const Resources resources{.threads = options.threads};
  const std::vector<TensorType> input_types = types_of(inputs);
  const std::vector<TensorType> output_types = infer_types(op, input_types, attributes);

  std::vector<std::unique_ptr<Guarded>> buffers;
  std::vector<TensorView> input_views(inputs.begin(), inputs.end());
  std::vector<TensorView> output_views;
  for (const TensorType& type : output_types) {
    const std::int64_t bytes = element_count(extents_of(type)) * size_bytes(type.dtype);
    buffers.push_back(std::make_unique<Guarded>(bytes));
    output_views.push_back(TensorView::dense(buffers.back()->data(), type.dtype, extents_of(type)));
  }
  Guarded workspace(kernel.workspace_bytes
                        ? kernel.workspace_bytes({input_types, attributes}, resources).evaluate({})
                        : 0);
  const auto prepared = kernel.prepare ? kernel.prepare(attributes, resources) : nullptr;

  if (options.in_place) input_views[*options.in_place].data = output_views[0].data;
  const Call call{.inputs = input_views,
                  .outputs = output_views,
                  .workspace = workspace.data(),
                  .prepared = prepared.get(),
                  .threads = options.threads};
  tbb::task_arena arena(options.threads);
  const auto run = [&] {
    for (const auto& buffer : buffers) buffer->fill(rubbish);
    workspace.fill(rubbish);
    if (options.in_place) {
      const TensorView& source = inputs[*options.in_place];
      std::memcpy(output_views[0].data, source.data,
                  source.element_count() * size_bytes(source.dtype));
    }
    arena.execute([&] { kernel.run(call); });
    return outputs_of(output_types, buffers);
  };

  if (kernel.bind != nullptr) arena.execute([&] { kernel.bind(call); });
  KernelOutcome outcome{.outputs = run()};
  outcome.is_repeatable = have_equal_bytes(outcome.outputs, run());
  const auto is_harmed = [](const auto& buffer) { return !buffer->is_intact(); };
  outcome.wrote_outside = std::ranges::any_of(buffers, is_harmed) || !workspace.is_intact();
  return outcome;
}

}  // namespace paceline::test
