#include "kernels/cuda/device/stream_rows.h"

#include "kernels/cuda/device/stream_blocks.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/stream_call.h"

// One to four rows times a weight, or one or two times blocks, whose first pieces come while the
// kernels ahead still run. More rows, and operands that do not come in 16 bytes, are `unsupported`
// in `bind`.
namespace paceline::kernels::cuda {
namespace {

template <bool has_residual>
void bind(const Call& call) {
  const StreamArguments p = stream_arguments(call, has_residual);
  if (takes_stream_rows(p) || p.rows == 0 || p.parts[0].columns == 0) return;
  throw unsupported("stream_rows_cuda takes up to {} rows of 16 to 32768 bytes: {} of {} elements",
                    stream_rows_max, p.rows, p.depth);
}

template <bool has_residual>
void run(const Call& call) {
  launch_stream_rows(stream_arguments(call, has_residual), place_of(call));
  check_launch("stream_rows_cuda");
}

void bind_quantized(const Call& call) {
  const ProductArguments p = quantized_arguments(call);
  if (takes_stream_blocks(p) || p.rows == 0 || p.columns == 0) return;
  throw unsupported("stream_rows_cuda takes one or two rows times q8_0, q4_0, q4_k, q6_k: {} of {}",
                    p.rows, p.depth);
}

void run_quantized(const Call& call) {
  launch_stream_blocks(quantized_arguments(call), (call.lasting_inputs >> 1 & 1) != 0,
                       place_of(call));
  check_launch("stream_rows_cuda");
}

Kernel member(const char* op, void (*bind)(const Call&), void (*run)(const Call&)) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, 0.28),
      .prepare = prepare_product,
      .bind = bind,
      .run = run,
  };
  kernel.info.name = op;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

}  // namespace

std::vector<Kernel> stream_rows_cuda() {
  Kernel quantized = member("linear_quantized", bind_quantized, run_quantized);
  quantized.info.accepts.attributes = {};
  return {member("linear", bind<false>, run<false>),
          member("linear_activation", bind<false>, run<false>),
          member("linear_residual", bind<true>, run<true>), std::move(quantized)};
}

}  // namespace paceline::kernels::cuda
