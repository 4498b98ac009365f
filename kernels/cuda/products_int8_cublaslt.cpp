#include <optional>
#include <utility>

#include "kernels/cuda/device/int8_rows.h"
#include "kernels/cuda/support/cublaslt_int8.h"
#include "kernels/cuda/support/device_array.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// The linear family in signed bytes: a scale for each output channel of the weight and one for each
// row of x, so that cublasLt sums whole rows of bytes, on tensor cores at twice the rate of halves.
// Relative error 6e-3 on uniform operands, 1.3e-2 on normal ones. Weights that last become bytes in
// the first run and stay so, in memory of the kernel's own. Rows with NaN or infinity are
// multiplied as they are. Members `.h0`, `.h1`, ... take the first, second, ... algorithm of the
// heuristic; a shape with fewer is `unsupported` in `bind`.
namespace paceline::kernels::cuda {
namespace {

constexpr int algorithms = 3;

std::int64_t rounded(std::int64_t extent) { return (extent + 15) / 16 * 16; }

// Parts of the workspace lie at multiples of this.
constexpr std::int64_t alignment = 256;
std::int64_t aligned(std::int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

struct State : ProductState {
  int algorithm = 0;
  std::optional<CublasLtInt8> plan;  // None: there is nothing to multiply.
  std::pair<std::int64_t, std::int64_t> weight_extents;
  DeviceArray<std::int8_t> weight;
  DeviceArray<float> weight_scales;
  bool has_weight = false;  // In bytes, for good.
};

struct Sizes {
  explicit Sizes(const ProductArguments& p)
      : rows(rounded(p.rows)), columns(rounded(p.columns)), depth(rounded(p.depth)) {}
  std::int64_t rows, columns, depth;
};

// A call's workspace, from cublasLt's own on.
struct Workspace {
  Workspace(void* memory, const Sizes& sizes) {
    const auto unaligned = reinterpret_cast<std::uintptr_t>(memory) % alignment;
    auto* at = static_cast<std::byte*>(memory) + (unaligned == 0 ? 0 : alignment - unaligned);
    library = at;
    at += cublaslt_workspace_bytes;
    sums = reinterpret_cast<std::int32_t*>(at);
    at += aligned(sizes.rows * sizes.columns * 4);
    x = reinterpret_cast<std::int8_t*>(at);
    at += aligned(sizes.rows * sizes.depth);
    x_scales = reinterpret_cast<float*>(at);
  }
  void* library;
  std::int32_t* sums;
  std::int8_t* x;
  float* x_scales;
};

Dim workspace_bytes(const OpInputs& in, const Resources&) {
  Dim rows = 1;
  for (std::size_t axis = 0; axis + 1 < in[0].shape.size(); ++axis) rows = rows * in[0].shape[axis];
  rows = rows + 15;
  const Dim columns = in[1].shape[0] + 15, depth = in[1].shape[1] + 15;
  return rows * columns * 4 + rows * depth + rows * 4 + 4 * alignment + cublaslt_workspace_bytes;
}

template <bool has_residual>
void bind(const Call& call) {
  auto& state = call.state<State>();
  state.plan.reset();
  state.has_weight = false;
  const ProductArguments p = linear_arguments(call, has_residual);
  if (p.rows == 0 || p.columns == 0) return;
  // Sums of more bytes do not fit 32 bits.
  constexpr std::int64_t depth_max = std::int64_t{1} << 17;
  const Sizes sizes(p);
  if (p.depth > 0 && p.depth < depth_max) {
    state.plan.emplace(sizes.rows, sizes.columns, sizes.depth);
    if (!state.plan->choose(state.algorithm)) state.plan.reset();
  }
  if (!state.plan) {
    throw unsupported("cublasLt names no algorithm {} for [{},{}] by [{},{}] in bytes",
                      state.algorithm, p.rows, p.depth, p.depth, p.columns);
  }
  const std::pair extents(sizes.columns, sizes.depth);
  if (extents == state.weight_extents) return;
  state.weight_extents = {};
  state.weight = {};  // Freed first.
  state.weight = DeviceArray<std::int8_t>(sizes.columns * sizes.depth);
  state.weight_scales = DeviceArray<float>(sizes.columns);
  state.weight_extents = extents;
}

// Whether what is enqueued now runs once, and not when a graph is launched.
bool runs_now(CUstream_st* stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream, &status), "products_int8_cublaslt");
  return status == cudaStreamCaptureStatusNone;
}

void put_weight(const ProductArguments& p, const Sizes& sizes, State& state, const Call& call) {
  if (state.has_weight) return;
  launch_int8_rows({.from = p.factor.data,
                    .dtype = p.dtype,
                    .rows = p.columns,
                    .width = p.depth,
                    .to = state.weight.data(),
                    .stride = sizes.depth,
                    .scales = state.weight_scales.data()},
                   place_of(call));
  state.has_weight = (call.lasting_inputs >> 1 & 1) != 0 && runs_now(call.stream);
}

template <bool has_residual>
void run(const Call& call) {
  auto& state = call.state<State>();
  if (!state.plan) return;
  const ProductArguments p = linear_arguments(call, has_residual);
  const Sizes sizes(p);
  const Workspace at(call.workspace, sizes);
  put_weight(p, sizes, state, call);
  launch_int8_rows({.from = p.x,
                    .dtype = p.dtype,
                    .rows = p.rows,
                    .width = p.depth,
                    .to = at.x,
                    .stride = sizes.depth,
                    .scales = at.x_scales},
                   place_of(call));
  state.plan->run(
      {.x = at.x, .weight = state.weight.data(), .sums = at.sums, .workspace = at.library},
      call.stream);
  launch_int8_result({.product = p,
                      .sums = at.sums,
                      .stride = sizes.columns,
                      .row_scales = at.x_scales,
                      .column_scales = state.weight_scales.data()},
                     place_of(call));
  check_launch("products_int8_cublaslt");
}

template <bool has_residual>
Kernel member(const char* op, int algorithm) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::narrows, 0.3 / (1 + algorithm)),
      .workspace_bytes = workspace_bytes,
      .prepare = [algorithm](const Attributes& attributes,
                             const Resources&) -> std::unique_ptr<Prepared> {
        auto state = std::make_unique<State>();
        read_attributes(attributes, *state);
        state->algorithm = algorithm;
        return state;
      },
      .bind = bind<has_residual>,
      .run = run<has_residual>,
  };
  kernel.info.name = fmt::format("{}.h{}", op, algorithm);
  kernel.info.library = "cublaslt";
  kernel.info.library_version = cublaslt_library().version;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

}  // namespace

std::vector<Kernel> products_int8_cublaslt() {
  if (cublaslt() == nullptr) return {};
  std::vector<Kernel> kernels;
  for (int i = 0; i < algorithms; ++i) {
    kernels.push_back(member<false>("linear", i));
    kernels.push_back(member<false>("linear_activation", i));
    kernels.push_back(member<true>("linear_residual", i));
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
