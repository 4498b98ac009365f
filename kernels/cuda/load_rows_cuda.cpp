#include "kernels/cuda/device/load_rows.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/stream_call.h"

// One to four rows, normed or not, times weights that go to registers, the first of them while the
// kernels ahead still run. More rows, and operands that do not come in 16 bytes, are `unsupported`
// in `bind`.
namespace paceline::kernels::cuda {
namespace {

template <bool has_residual>
StreamArguments of_linear(const Call& call) {
  return stream_arguments(call, has_residual);
}
StreamArguments of_norm(const Call& call) { return stream_arguments(NormProductsCall(call)); }

template <StreamArguments (*arguments)(const Call&)>
void bind(const Call& call) {
  const StreamArguments p = arguments(call);
  bool is_empty = true;
  for (int i = 0; i < p.part_count; ++i) is_empty = is_empty && p.parts[i].columns == 0;
  if (takes_load_rows(p) || p.rows == 0 || is_empty) return;
  throw unsupported(
      "load_rows_cuda takes up to {} rows in multiples of 16 bytes: {} of {} elements",
      load_rows_max, p.rows, p.depth);
}

template <StreamArguments (*arguments)(const Call&)>
void run(const Call& call) {
  launch_load_rows(arguments(call), place_of(call));
  check_launch("load_rows_cuda");
}

template <StreamArguments (*arguments)(const Call&)>
Kernel member(const char* op, double expected_efficiency) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, expected_efficiency),
      .prepare = prepare_product,
      .bind = bind<arguments>,
      .run = run<arguments>,
  };
  kernel.info.name = op;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

Kernel with_norm(const char* op) {
  Kernel kernel = member<of_norm>(op, 0.58);
  kernel.prepare = prepare<NormProductsState>;
  return kernel;
}

}  // namespace

std::vector<Kernel> load_rows_cuda() {
  return {member<of_linear<false>>("linear", 0.29),
          member<of_linear<false>>("linear_activation", 0.29),
          member<of_linear<true>>("linear_residual", 0.29), with_norm("norm_linears"),
          with_norm("norm_linears_gated")};
}

}  // namespace paceline::kernels::cuda
