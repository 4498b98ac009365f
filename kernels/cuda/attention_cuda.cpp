#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/support/attention_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

namespace paceline::kernels::cuda {

Kernel attention_cuda() {
  Kernel kernel{
      .info = cuda_info("attention", cpu::Floats::list(), {Strides::any}, Precision::approximates,
                        0.05),
      .prepare = prepare_attention,
      .run =
          [](const Call& call) {
            launch_attention(attention_arguments(call), place_of(call));
            check_launch("attention_cuda");
          },
      .takes_late_dims = true,
  };
  kernel.info.accepts.output_strides = Strides::dense_inner;
  kernel.info.is_plain = true;
  return kernel;
}

}  // namespace paceline::kernels::cuda
