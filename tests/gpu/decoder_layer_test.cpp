#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>

#include "tests/gpu/large_operands.h"

// A layer in one launch against what its op means.
namespace paceline {
namespace {

using test::cuda_kernel;
using test::drawn;

struct Shape {
  std::int64_t width = 256, heads = 4, groups = 2, head_width = 64, inner = 384, pairs = 32;
  bool has_norms = true, is_interleaved = false;
  const char* activation = "silu";
  std::int64_t window = 0;
  double softcap = 0, weight_offset = 0;
};

const Op& layer_op() { return ops::all_ops().get("decoder_layer"); }

// In [-size, size).
Tensor scaled(Dtype dtype, const Extents& extents, double size, std::uint64_t seed) {
  const Tensor tensor = drawn(Dtype::f32, extents, seed);
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    tensor.as<float>()[i] *= static_cast<float>(size);
  }
  return tensor.cast(dtype);
}

std::vector<Tensor> inputs_of(Dtype dtype, const Shape& s, std::int64_t capacity,
                              std::int64_t batch = 1) {
  const std::int64_t queries = s.heads * s.head_width, kept = s.groups * s.head_width;
  std::uint64_t seed = 1;
  const auto weight = [&](std::int64_t columns, std::int64_t depth) {
    return scaled(dtype, {columns, depth}, 1 / std::sqrt(static_cast<double>(depth)), ++seed);
  };
  const Extents cache = {batch, s.groups, capacity, s.head_width};
  std::vector<Tensor> inputs = {drawn(dtype, {batch, 1, s.width}, 100),
                                drawn(dtype, {s.width}, 101),
                                weight(queries, s.width),
                                weight(kept, s.width),
                                weight(kept, s.width),
                                drawn(dtype, {1, s.pairs}, 102),
                                drawn(dtype, {1, s.pairs}, 103),
                                drawn(dtype, cache, 104),
                                drawn(dtype, cache, 105),
                                weight(s.width, queries),
                                drawn(dtype, {s.width}, 106),
                                weight(s.inner, s.width),
                                weight(s.inner, s.width),
                                weight(s.width, s.inner)};
  if (!s.has_norms) return inputs;
  inputs.push_back(drawn(dtype, {s.head_width}, 107));
  inputs.push_back(drawn(dtype, {s.head_width}, 108));
  return inputs;
}

Attributes attributes_of(const Shape& s, std::int64_t start) {
  return Attributes{{"start", Dim(start)},
                    {"scale", 1 / std::sqrt(static_cast<double>(s.head_width))},
                    {"interleaved", s.is_interleaved},
                    {"activation", std::string(s.activation)},
                    {"window", s.window},
                    {"softcap", s.softcap},
                    {"weight_offset", s.weight_offset}}
      .complete("decoder_layer", layer_op().attributes);
}

std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

void expect_close(const Tensor& got, const Tensor& wanted, std::string_view what) {
  const double bound = got.dtype() == Dtype::bf16 ? 1.6e-2 : 2e-3;
  const TensorError error = compare(got.view(), wanted.view());
  EXPECT_LE(error.relative, bound) << what;
  EXPECT_LE(error.elementwise, 10 * bound) << what;
}

// Of a kernel and a dtype.
class DecoderLayerOnGpu : public testing::TestWithParam<std::tuple<std::string, Dtype>> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  const Kernel& kernel() const {
    return *cuda_kernel("decoder_layer_cuda." + std::get<0>(GetParam()));
  }
  Dtype dtype() const { return std::get<1>(GetParam()); }

  void check(const Shape& s, std::int64_t context) const {
    SCOPED_TRACE(fmt::format("{} heads of {} on {}, {} and {} wide, {} keys", s.heads, s.head_width,
                             s.groups, s.width, s.inner, context));
    const std::vector<Tensor> inputs = inputs_of(dtype(), s, context + 3);
    const Attributes attributes = attributes_of(s, context - 1);
    const auto wanted = test::reference_outputs(layer_op(), attributes, inputs);
    const auto got = test::run_kernel_on_device(kernel(), layer_op(), attributes, views_of(inputs));
    EXPECT_TRUE(got.is_repeatable);
    EXPECT_FALSE(got.wrote_outside);
    for (std::size_t i = 0; i < 3; ++i) {
      expect_close(got.outputs[i], wanted[i], fmt::format("output {}", i));
    }
  }
};

TEST_P(DecoderLayerOnGpu, TakesContextsOfAnyLength) {
  for (const std::int64_t context : {1, 2, 63, 64, 65, 1023, 1024, 4097}) {
    check({}, context);
    check({.heads = 6, .groups = 2, .head_width = 128, .pairs = 64, .has_norms = false}, context);
  }
}

TEST_P(DecoderLayerOnGpu, TakesWhatModelsAreMadeOf) {
  const Shape shapes[] = {
      {.width = 1024, .heads = 16, .groups = 8, .head_width = 128, .inner = 3072, .pairs = 64},
      {.width = 896, .heads = 14, .groups = 2, .inner = 4864, .has_norms = false},
      {.width = 1032, .heads = 8, .groups = 1, .inner = 1000, .activation = "gelu_tanh"},
      {.width = 2048, .heads = 32, .groups = 4, .inner = 2056, .window = 100},
      {.width = 1152,
       .heads = 4,
       .groups = 1,
       .head_width = 128,
       .inner = 6912,
       .pairs = 64,
       .activation = "gelu",
       .softcap = 30,
       .weight_offset = 1},
      {.width = 8, .heads = 1, .groups = 1, .inner = 8, .pairs = 3, .is_interleaved = true},
      {.width = 64, .heads = 40, .groups = 40, .inner = 64, .pairs = 16, .activation = "relu"},
  };
  for (const Shape& shape : shapes) {
    for (const std::int64_t context : {1, 200, 1300}) check(shape, context);
  }
}

TEST_P(DecoderLayerOnGpu, TakesTheWidthsOfSevenBillion) {
  check({.width = 4096,
         .heads = 32,
         .groups = 8,
         .head_width = 128,
         .inner = 14336,
         .pairs = 64,
         .has_norms = false},
        700);
}

TEST_P(DecoderLayerOnGpu, RefusesMoreTokensAndOddWidths) {
  for (const auto& [shape, batch] :
       {std::pair<Shape, int>{{}, 2}, {{.width = 252}, 1}, {{.head_width = 96, .pairs = 48}, 1}}) {
    const std::vector<Tensor> inputs = inputs_of(dtype(), shape, 4, batch);
    EXPECT_THROW(
        test::run_kernel_on_device(kernel(), layer_op(), attributes_of(shape, 1), views_of(inputs)),
        Error);
  }
}

// Device memory of a captured layer, whose start moves from token to token.
class CapturedLayer {
 public:
  CapturedLayer(const Kernel& kernel, const Shape& shape, const std::vector<Tensor>& inputs)
      : runtime_(*kernels::device_runtime()), queue_(runtime_.open_queue(0)) {
    runtime_.make_current(0);
    for (const Tensor& tensor : inputs) {
      there_.push_back(on_device(tensor));
      inputs_.push_back(TensorView::dense(there_.back().get(), tensor.dtype(), tensor.extents()));
    }
    out_ = on_device(inputs[0]);
    outputs_ = {TensorView::dense(out_.get(), inputs[0].dtype(), inputs[0].extents()), inputs_[7],
                inputs_[8]};
    table_ = on_device(start_);
    late_.values = reinterpret_cast<const std::int64_t*>(table_.get());
    prepared_ = kernel.prepare(attributes_of(shape, 0), {.device = {DeviceKind::cuda, 0}});
    const Call call{.inputs = inputs_,
                    .outputs = outputs_,
                    .prepared = prepared_.get(),
                    .stream = queue_->stream(),
                    .fault = queue_->fault(),
                    .late = &late_,
                    .lasting_inputs = 0b11111000011110};
    kernel.bind(call);
    queue_->begin_capture();
    kernel.run(call);
    graph_ = queue_->end_capture();
  }

  void replay(std::int64_t start) {
    start_.as<std::int64_t>()[0] = start;
    queue_->upload(table_.get(), start_.data(), 8);
    graph_->launch();
  }
  void give(const Tensor& x) {
    queue_->upload(there_[0].get(), x.data(), static_cast<std::int64_t>(x.size_bytes()));
  }
  std::optional<DataFault> finish() { return queue_->finish(); }
  Tensor output(std::size_t i) {
    Tensor tensor(outputs_[i].dtype, outputs_[i].shape());
    const auto bytes = static_cast<std::int64_t>(tensor.size_bytes());
    const auto staged = runtime_.allocate_pinned(bytes);
    queue_->copy(staged.get(), outputs_[i].data, bytes);
    EXPECT_FALSE(queue_->finish().has_value());
    std::memcpy(tensor.data(), staged.get(), tensor.size_bytes());
    return tensor;
  }

 private:
  kernels::DeviceBytes on_device(const Tensor& tensor) {
    const auto bytes = static_cast<std::int64_t>(tensor.size_bytes());
    kernels::DeviceBytes memory = runtime_.allocate(0, bytes);
    queue_->upload(memory.get(), tensor.data(), bytes);
    return memory;
  }

  kernels::DeviceRuntime& runtime_;
  std::unique_ptr<kernels::DeviceQueue> queue_;
  std::vector<kernels::DeviceBytes> there_;
  std::vector<TensorView> inputs_;
  std::array<TensorView, 3> outputs_;
  kernels::DeviceBytes out_, table_;
  Tensor start_{Dtype::i64, {1}};
  const std::vector<std::int32_t> extents_ = std::vector<std::int32_t>(19 * tensor_rank_max, -1);
  const std::vector<std::int32_t> offsets_ = std::vector<std::int32_t>(19, -1);
  LateDims late_{.extents = extents_, .offsets = offsets_, .start = 0};
  std::unique_ptr<Prepared> prepared_;
  std::unique_ptr<kernels::DeviceGraph> graph_;
};

TEST_P(DecoderLayerOnGpu, FollowsATokenToTheNextWhenItsCaptureIsReplayed) {
  const Shape shape;
  constexpr std::int64_t capacity = 90;
  std::vector<Tensor> inputs = inputs_of(dtype(), shape, capacity);
  CapturedLayer captured(kernel(), shape, inputs);
  for (const std::int64_t start : std::vector<std::int64_t>{0, 1, 40, 41, capacity - 1}) {
    inputs[0] = drawn(dtype(), inputs[0].extents(), 1000 + start);
    captured.give(inputs[0]);
    captured.replay(start);
    const auto wanted = test::reference_outputs(layer_op(), attributes_of(shape, start), inputs);
    for (std::size_t i = 0; i < 3; ++i) {
      const Tensor got = captured.output(i);
      expect_close(got, wanted[i], fmt::format("output {} at {}", i, start));
      if (i > 0) inputs[6 + i] = got;
    }
  }
  captured.replay(capacity);
  EXPECT_TRUE(captured.finish().has_value()) << "beyond the states, and nobody said so";
  captured.replay(3);
  EXPECT_FALSE(captured.finish().has_value());
}

INSTANTIATE_TEST_SUITE_P(Halves, DecoderLayerOnGpu,
                         testing::Combine(testing::Values("behind", "early"),
                                          testing::Values(Dtype::f16, Dtype::bf16)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  std::string(to_string(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace paceline
