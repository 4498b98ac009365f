#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/device/copy.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {

Kernel copy_cuda() {
  return {
      .info = cuda_info("copy", cpu::AllDtypes::list(), {Strides::any}, Precision::exact, 0.8),
      .run =
          [](const Call& call) {
            launch_copy(loop_over<2>({call.inputs[0], call.outputs[0]}),
                        static_cast<std::int32_t>(size_bytes(call.inputs[0].dtype)),
                        place_of(call));
            check_launch("copy_cuda");
          },
  };
}

}  // namespace paceline::kernels::cuda
