#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/device/expert.h"
#include "kernels/cuda/support/faults.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

namespace paceline::kernels::cuda {
namespace {

constexpr std::size_t first_expert = 3;

std::size_t expert_count(const Call& call) { return (call.inputs.size() - first_expert) / 3; }

void bind(const Call& call) {
  if (expert_count(call) <= experts_max) return;
  throw unsupported("expert_mlp_cuda takes {} experts at most: {}", experts_max,
                    expert_count(call));
}

ExpertArguments arguments(const Call& call) {
  const TensorView &x = call.inputs[0], &shares = call.inputs[1], &indices = call.inputs[2];
  ExpertArguments p;
  p.dtype = element_of(x.dtype);
  p.index_dtype = element_of(indices.dtype);
  p.tokens = x.extents[0];
  p.width = x.extents[1];
  p.choices = indices.extents[1];
  p.inner = call.inputs[first_expert].extents[0];
  p.experts = static_cast<std::int32_t>(expert_count(call));
  p.activation = call.state<ProductState>().activation;
  p.x = x.data;
  p.shares = shares.data;
  p.indices = indices.data;
  for (int axis = 0; axis < 2; ++axis) {
    p.x_strides[axis] = x.strides[axis];
    p.share_strides[axis] = shares.strides[axis];
    p.index_strides[axis] = indices.strides[axis];
  }
  for (std::size_t i = first_expert; i < call.inputs.size(); ++i) {
    p.weights[i - first_expert] = call.inputs[i].data;
  }
  p.hidden = call.workspace;
  p.out = call.outputs[0].data;
  return p;
}

}  // namespace

Kernel expert_mlp_cuda() {
  Kernel kernel{
      .info = cuda_info("expert_mlp", cpu::Floats::list(),
                        {Strides::any, Strides::any, Strides::any, Strides::dense},
                        Precision::reorders, 0.3),
      .workspace_bytes =
          [](const OpInputs& in, const Resources&) {
            const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
            return in[2].shape[0] * in[2].shape[1] * in[first_expert].shape[0] * element;
          },
      .prepare = prepare_product,
      .bind = bind,
      .run =
          [](const Call& call) {
            launch_experts(arguments(call), place_of(call));
            check_launch("expert_mlp_cuda");
          },
  };
  kernel.info.is_plain = true;
  return kernel;
}

}  // namespace paceline::kernels::cuda
