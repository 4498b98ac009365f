#include "kernels/cuda/device/decoder_layer.h"

#include "common/base/error.h"
#include "common/ops/support/decoder_layer.h"
#include "kernels/cuda/device/move.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// A decoder's layer of one token in one launch, in halves: behind all that is ahead of it in the
// stream, or beginning while that ends. Where an output is not its state itself, the state is
// copied first.
namespace paceline::kernels::cuda {
namespace {

using namespace ops::layer_steps;

struct LayerState : Prepared {
  explicit LayerState(const Attributes& attributes)
      : start(attributes.get<Dim>("start").evaluate({})),
        window(attributes.get<std::int64_t>("window")),
        epsilon(attributes.get<double>("epsilon")),
        weight_offset(attributes.get<double>("weight_offset")),
        scale(attributes.get<double>("scale")),
        softcap(attributes.get<double>("softcap")),
        is_interleaved(attributes.get<bool>("interleaved")),
        activation(final_activation(attributes.get<std::string>("activation"))) {}

  std::int64_t start, window;
  double epsilon, weight_offset, scale, softcap;
  bool is_interleaved;
  FinalActivation activation;

  // What blocks hand to each other, and how the device is used.
  struct Free {
    void operator()(void* memory) const { cudaFree(memory); }
  };
  std::unique_ptr<void, Free> memory;
  std::int64_t bytes = 0;
  std::int32_t blocks = 0, shared_bytes = 0;

  void look_at_device() {
    if (blocks > 0) return;
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    check_cuda(
        cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "cudaDeviceGetAttribute");
    check_cuda(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, device),
               "cudaDeviceGetAttribute");
  }
  // Zero, whatever lay there before: another layout's words might carry marks.
  void hold(std::int64_t wanted) {
    if (wanted == bytes) return;
    void* made = nullptr;
    check_cuda(cudaMalloc(&made, static_cast<std::size_t>(wanted)), "words of a layer");
    memory.reset(made);
    bytes = wanted;
    check_cuda(cudaMemset(made, 0, static_cast<std::size_t>(wanted)), "words of a layer");
    check_cuda(cudaStreamSynchronize(nullptr), "words of a layer");
  }
};

DecoderLayer layer_of(const Call& call) {
  const auto& state = call.state<LayerState>();
  const auto in = [&](std::size_t i) { return call.inputs[i].data; };
  const bool has_norms = call.inputs.size() > input_count;
  const TensorView &kept = call.outputs[1], &given = call.inputs[x];
  DecoderLayer layer{
      .dtype = element_of(given.dtype),
      .width = static_cast<std::int32_t>(given.extents[2]),
      .heads = static_cast<std::int32_t>(call.inputs[wq].extents[0] / kept.extents[3]),
      .groups = static_cast<std::int32_t>(kept.extents[1]),
      .head_width = static_cast<std::int32_t>(kept.extents[3]),
      .inner = static_cast<std::int32_t>(call.inputs[wg].extents[0]),
      .pairs = static_cast<std::int32_t>(call.inputs[cosines].extents[1]),
      .capacity = kept.extents[2],
      .x = given.data,
      .norm = in(norm),
      .wq = in(wq),
      .wk = in(wk),
      .wv = in(wv),
      .cosines = in(cosines),
      .sines = in(sines),
      .wo = in(wo),
      .inner_norm = in(inner_norm),
      .wg = in(wg),
      .wu = in(wu),
      .wd = in(wd),
      .q_norm = has_norms ? in(q_norm) : nullptr,
      .k_norm = has_norms ? in(k_norm) : nullptr,
      .out = call.outputs[0].data,
      .keys = kept.data,
      .values = call.outputs[2].data,
      .epsilon = static_cast<float>(state.epsilon),
      .weight_offset = static_cast<float>(state.weight_offset),
      .scale = static_cast<float>(state.scale),
      .softcap = static_cast<float>(state.softcap),
      .window = state.window,
      .is_interleaved = state.is_interleaved,
      .activation = state.activation,
      .start = {.value = state.start},
      .memory = state.memory.get()};
  layer.weights_last = true;
  for (const std::size_t weight : {wq, wk, wv, wo, wg, wu, wd}) {
    layer.weights_last = layer.weights_last && (call.lasting_inputs >> weight & 1) != 0;
  }
  if (call.late == nullptr) return layer;
  layer.late = call.late->values;
  if (call.late->start >= 0) layer.start.late = call.late->values + call.late->start;
  layer.late_cosines = call.late->offsets[cosines];
  layer.late_sines = call.late->offsets[sines];
  return layer;
}

bool is_one_token(const Call& call) {
  const TensorView& given = call.inputs[x];
  for (const std::size_t i : {x, norm, wq, wk, wv, keys, values, wo, inner_norm, wg, wu, wd}) {
    if (call.late != nullptr && call.late->offsets[i] >= 0) return false;
    for (int axis = 0; axis < call.inputs[i].rank; ++axis) {
      if (call.inputs[i].extents[axis] > 1 << 30) return false;
    }
  }
  return given.extents[0] == 1 && given.extents[1] == 1 &&
         call.inputs[keys].extents[3] == call.inputs[values].extents[3];
}

void bind(const Call& call) {
  auto& state = call.state<LayerState>();
  state.look_at_device();
  DecoderLayer layer = layer_of(call);
  if (!is_one_token(call) || !plan_decoder_layer(layer, state.blocks, state.shared_bytes)) {
    const TensorView& given = call.inputs[x];
    throw unsupported(
        "decoder_layer_cuda takes one token of one sequence, heads of 64 or 128 and widths in "
        "multiples of 8: {} of {} of {} with heads of {}",
        given.extents[0], given.extents[1], given.extents[2], call.inputs[keys].extents[3]);
  }
  state.hold(decoder_layer_bytes(layer));
}

template <bool is_early>
void run(const Call& call) {
  const auto& state = call.state<LayerState>();
  DecoderLayer layer = layer_of(call);
  if (layer.start.late == nullptr &&
      (layer.start.value < 0 || layer.start.value >= layer.capacity)) {
    throw invalid("decoder_layer: {} is outside {} positions", layer.start.value, layer.capacity);
  }
  check(plan_decoder_layer(layer, state.blocks, state.shared_bytes), "bound before");
  for (int i = 1; i <= 2; ++i) {
    const TensorView &given = call.inputs[keys - 1 + i], &kept = call.outputs[i];
    if (given.data == kept.data) continue;
    launch_move(loop_over<2>({kept, given}), static_cast<std::int32_t>(size_bytes(kept.dtype)),
                place_of(call));
    check_launch("decoder_layer_cuda");
  }
  launch_decoder_layer(layer, state.blocks, is_early, place_of(call));
  check_launch("decoder_layer_cuda");
}

std::unique_ptr<Prepared> prepare_layer(const Attributes& attributes, const Resources&) {
  return std::make_unique<LayerState>(attributes);
}

template <bool is_early>
Kernel member(const char* name) {
  Kernel kernel{
      .info = cuda_info("decoder_layer", {Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::approximates, is_early ? 0.21 : 0.2),
      .prepare = prepare_layer,
      .bind = bind,
      .run = run<is_early>,
      .takes_late_dims = true,
  };
  kernel.info.name = name;
  return kernel;
}

}  // namespace

std::vector<Kernel> decoder_layer_cuda() {
  return {member<false>("behind"), member<true>("early")};
}

}  // namespace paceline::kernels::cuda
