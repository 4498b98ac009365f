#include "kernels/cuda/device/few_rows.h"
#include "kernels/cuda/device/few_rows_mma.h"
#include "kernels/cuda/device/norm.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/stream_call.h"

// A norm with the products behind it, and the gate: in one step for few rows (a token), else one
// after the other through the workspace. Many rows are for norm_linears_cublaslt.
namespace paceline::kernels::cuda {
namespace {

void launch_product_of(const ProductArguments& p, const LaunchPlace& place) {
  if (takes_few_rows_mma(p)) return launch_few_rows_mma(p, place);
  takes_few_rows(p) && p.rows <= 16 ? launch_few_rows(p, place) : launch_product(p, place);
}

void run(const Call& call) {
  const NormProductsCall of(call);
  const StreamArguments p = stream_arguments(of);
  if (takes_stream_rows(p)) {
    launch_stream_rows(p, place_of(call));
    return check_launch("norm_linears_cuda");
  }
  of.launch_norm_of_x();
  for (std::size_t i = 0; i < of.products.count; ++i) {
    launch_product_of(of.product(i), place_of(call));
  }
  of.launch_gate();
  check_launch("norm_linears_cuda");
}

Kernel member(const char* op) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, 0.6),
      .workspace_bytes = [](const OpInputs& in,
                            const Resources&) { return norm_products_workspace(in); },
      .prepare = prepare<NormProductsState>,
      .run = run,
  };
  kernel.info.name = op;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

}  // namespace

std::vector<Kernel> norm_linears_cuda() {
  return {member("norm_linears"), member("norm_linears_gated")};
}

}  // namespace paceline::kernels::cuda
