#include "tests/support/run_kernel_on_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/error.h"
#include "kernels/cuda_module.h"

namespace paceline::test {
namespace {

constexpr std::byte rubbish{0xff};  // NaN, -1, 255.
constexpr std::byte guard{0xa5};
constexpr std::int64_t alignment = 256;

// Device memory and a queue that all cases of a program use one after the other.
class Device {
 public:
  static Device& get() {
    static Device* one = new Device;  // Not destroyed: CUDA may be gone before.
    return *one;
  }

  kernels::DeviceQueue& queue() { return *queue_; }
  std::byte* memory(std::int64_t bytes) {
    if (bytes > memory_bytes_) {
      memory_.reset();
      memory_bytes_ = 0;
      memory_ = runtime_.allocate(0, 2 * bytes);
      memory_bytes_ = 2 * bytes;
    }
    return memory_.get();
  }
  // As device memory, for what is copied to and from it.
  std::byte* pinned(std::int64_t bytes) {
    if (bytes > pinned_bytes_) {
      pinned_ = runtime_.allocate_pinned(2 * bytes);
      pinned_bytes_ = 2 * bytes;
    }
    return pinned_.get();
  }

 private:
  Device() : runtime_(*kernels::device_runtime()), queue_(runtime_.open_queue(0)) {
    runtime_.make_current(0);
  }

  kernels::DeviceRuntime& runtime_;
  std::unique_ptr<kernels::DeviceQueue> queue_;
  kernels::DeviceBytes memory_, pinned_;
  std::int64_t memory_bytes_ = 0, pinned_bytes_ = 0;
};

// The bytes that a view reaches, from its lowest element to its highest.
struct Reach {
  std::int64_t before = 0;  // Bytes from the lowest to `data`.
  std::int64_t bytes = 0;
};

Reach reach_of(const TensorView& view) {
  if (view.element_count() == 0) return {};
  std::int64_t lowest = 0, highest = 0;
  for (int axis = 0; axis < view.rank; ++axis) {
    const std::int64_t last = (view.extents[axis] - 1) * view.strides[axis];
    (last < 0 ? lowest : highest) += last;
  }
  const auto size = static_cast<std::int64_t>(size_bytes(view.dtype));
  return {-lowest * size, (highest - lowest + 1) * size};
}

// What lies on the device, as bytes on the host: buffers between guards.
class Image {
 public:
  // Returns the buffer's offset, a multiple of `alignment` plus `shift`.
  std::int64_t add(std::int64_t bytes, std::int64_t shift = 0) {
    const std::int64_t offset =
        (size() + 2 * alignment - 1) / alignment * alignment + shift;
    bytes_.resize(offset + bytes + alignment, guard);
    return offset;
  }
  std::byte* at(std::int64_t offset) { return bytes_.data() + offset; }
  void fill(std::int64_t offset, std::int64_t bytes, std::byte value) {
    std::fill_n(bytes_.begin() + offset, bytes, value);
  }
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size()); }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<TensorType> types_of(std::span<const TensorView> views) {
  std::vector<TensorType> types;
  for (const TensorView& view : views) {
    types.push_back({view.dtype, Shape(view.extents, view.extents + view.rank)});
  }
  return types;
}

struct Region {
  std::int64_t offset = 0, bytes = 0;
};

class Instruction {
 public:
  Instruction(const Kernel& kernel, const Op& op, const Attributes& attributes,
              std::span<const TensorView> inputs, const RunOptions& options, std::int64_t shift)
      : kernel_(kernel), inputs_(inputs.begin(), inputs.end()) {
    const std::vector<TensorType> given = types_of(inputs);
    for (const TensorView& view : inputs) add_input(view, shift);
    for (const TensorType& type : infer_types(op, given, attributes)) add_output(type);
    for (const auto& [output, input] : options.in_place) overwrite(output, input);
    const Resources resources{.device = {DeviceKind::cuda, 0}};
    if (kernel.workspace_bytes) {
      workspace_bytes_ = kernel.workspace_bytes({given, attributes}, resources).evaluate({});
    }
    // Large ones are not worth a copy of rubbish: they lie behind the image, before one more guard.
    workspace_ = (image_.size() + alignment - 1) / alignment * alignment;
    Device& device = Device::get();
    memory_ = device.memory(workspace_ + workspace_bytes_ + alignment);
    for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].data = memory_ + input_offsets_[i];
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].data = memory_ + output_regions_[i].offset;
    }
    if (kernel.prepare) prepared_ = kernel.prepare(attributes, resources);
    if (kernel.bind != nullptr) kernel.bind(call());
  }

  std::vector<Tensor> run() {
    Device& device = Device::get();
    kernels::DeviceQueue& queue = device.queue();
    std::byte* there = device.pinned(image_.size() + alignment);
    std::memcpy(there, image_.at(0), image_.size());
    queue.copy(memory_, there, image_.size());
    queue.fill(memory_ + workspace_, rubbish, workspace_bytes_);
    queue.fill(memory_ + workspace_ + workspace_bytes_, guard, alignment);
    queue.finish();
    kernel_.run(call());
    queue.copy(there, memory_, image_.size());
    queue.copy(there + image_.size(), memory_ + workspace_ + workspace_bytes_, alignment);
    if (const auto fault = queue.finish()) throw invalid("{}", kernels::to_string(*fault));
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      results.emplace_back(outputs_[i].dtype, outputs_[i].shape());
      const auto [offset, bytes] = output_regions_[i];
      if (bytes > 0) std::memcpy(results.back().data(), there + offset, bytes);
    }
    is_intact_ = is_intact_ && keeps_the_rest(there);
    return results;
  }

  bool is_intact() const { return is_intact_; }

 private:
  void add_input(const TensorView& view, std::int64_t shift) {
    const Reach reach = reach_of(view);
    const std::int64_t offset =
        image_.add(reach.bytes, shift * static_cast<std::int64_t>(size_bytes(view.dtype)));
    if (reach.bytes > 0) {
      std::memcpy(image_.at(offset), view.as<std::byte>() - reach.before, reach.bytes);
    }
    input_offsets_.push_back(offset + reach.before);
  }

  void add_output(const TensorType& type) {
    const Extents extents = evaluate(type.shape, {});
    const auto bytes =
        element_count(extents) * static_cast<std::int64_t>(size_bytes(type.dtype));
    output_regions_.push_back({image_.add(bytes), bytes});
    image_.fill(output_regions_.back().offset, bytes, rubbish);
    outputs_.push_back(TensorView::dense(nullptr, type.dtype, extents));
  }

  void overwrite(int output, int input) {
    const Region region = output_regions_[output];
    if (region.bytes > 0) {
      std::memcpy(image_.at(region.offset), image_.at(input_offsets_[input]), region.bytes);
    }
    input_offsets_[input] = region.offset;
    lasting_inputs_ &= ~(std::uint32_t{1} << input);
  }

  Call call() {
    kernels::DeviceQueue& queue = Device::get().queue();
    return {.inputs = inputs_,
            .outputs = outputs_,
            .workspace = memory_ + workspace_,
            .prepared = prepared_.get(),
            .stream = queue.stream(),
            .fault = queue.fault(),
            .step = 0,
            .lasting_inputs = lasting_inputs_};
  }

  // Besides outputs and workspace everything is as it was.
  bool keeps_the_rest(std::byte* there) {
    for (const auto& [offset, bytes] : output_regions_) {
      if (bytes > 0) std::memcpy(there + offset, image_.at(offset), bytes);
    }
    return std::memcmp(there, image_.at(0), image_.size()) == 0 &&
           std::all_of(there + image_.size(), there + image_.size() + alignment,
                       [](std::byte byte) { return byte == guard; });
  }

  const Kernel& kernel_;
  std::vector<TensorView> inputs_, outputs_;
  std::vector<std::int64_t> input_offsets_;
  std::vector<Region> output_regions_;
  Image image_;
  std::int64_t workspace_ = 0, workspace_bytes_ = 0;
  std::byte* memory_ = nullptr;
  std::unique_ptr<Prepared> prepared_;
  std::uint32_t lasting_inputs_ = ~std::uint32_t{0};
  bool is_intact_ = true;
};

bool have_equal_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) {
    return x.size_bytes() == 0 || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
  });
}

}  // namespace

KernelOutcome run_kernel_on_device(const Kernel& kernel, const Op& op, const Attributes& attributes,
                                   std::span<const TensorView> inputs, RunOptions options,
                                   std::int64_t shift) {
  Instruction instruction(kernel, op, attributes, inputs, options, shift);
  KernelOutcome outcome{.outputs = instruction.run()};
  outcome.is_repeatable = have_equal_bytes(outcome.outputs, instruction.run());
  outcome.wrote_outside = !instruction.is_intact();
  return outcome;
}

}  // namespace paceline::test
