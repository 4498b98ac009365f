#pragma once

#include "common/base/error.h"
#include "kernels/cuda/support/attention_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

namespace paceline::kernels::cuda {

// Of the kernels of attention that read 16 bytes at a time. They take some widths alone, which
// their `bind` says: refuse().
inline KernelInfo attention_info(std::vector<Dtype> dtypes, double expected_efficiency) {
  KernelInfo info =
      cuda_info("attention", std::move(dtypes),
                {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any},
                Precision::approximates, expected_efficiency);
  info.accepts.output_strides = Strides::dense_inner;
  return info;
}

[[noreturn]] inline void refuse(std::string_view kernel, const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  throw unsupported(
      "{} does not take attention of {} with {} heads of {} on {} of {}{}: widths, strides and "
      "addresses that 16 bytes fit, see its device code",
      kernel, to_string(q.dtype), q.extents[1], q.extents[3], k.extents[1], v.extents[3],
      call.inputs.size() > 3 ? " under a mask" : "");
}

}  // namespace paceline::kernels::cuda
