#include "kernels/cpu/support/convolution.h"

namespace paceline::kernels::cpu {
namespace {

// x, seen as the output of a convolution of `out`, is spread over the windows that it comes from.
template <typename T>
void spread(const ConvolutionState& state, const TensorView& x, const TensorView& weight,
            const TensorView* bias, const TensorView& out, Compute<T>* sums) {
  const auto axes = window_axes(state, out, spatial_extents(weight), x);
  const WindowAxis &az = axes[0], &ay = axes[1], &ax = axes[2];
  const std::int64_t depth = weight.extents[1], per_group = x.extents[1] / state.groups;
  const std::int64_t size = az.in * ay.in * ax.in;
  const auto add_row = [&](const T* row, const T* taps, Compute<T>* to) {
    for (std::int64_t k = 0; k < ax.kernel; ++k) {
      const Range range = ax.windows(k);
      const Compute<T> factor = widen(taps[k * weight.strides[4]]);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        to[ax.place(i, k)] += factor * widen(row[i * x.strides[4]]);
      }
    }
  };
  const auto add_plane = [&](const T* plane, const T* taps) {
    for (std::int64_t z = 0; z < az.out; ++z) {
      for (std::int64_t y = 0; y < ay.out; ++y) {
        const T* row = plane + z * x.strides[2] + y * x.strides[3];
        const Range kz = az.taps(z), ky = ay.taps(y);
        for (std::int64_t a = kz.begin; a < kz.end; ++a) {
          for (std::int64_t b = ky.begin; b < ky.end; ++b) {
            add_row(row, taps + a * weight.strides[2] + b * weight.strides[3],
                    sums + (az.place(z, a) * ay.in + ay.place(y, b)) * ax.in);
          }
        }
      }
    }
  };
  T* to = out.as<T>();
  for (std::int64_t b = 0; b < out.extents[0]; ++b) {
    for (std::int64_t m = 0; m < out.extents[1]; ++m) {
      std::fill_n(sums, size, bias == nullptr ? 0 : widen(element<const T>(*bias, m)));
      const std::int64_t first = m / depth * per_group;
      for (std::int64_t c = first; c < first + per_group; ++c) {
        add_plane(x.as<const T>() + b * x.strides[0] + c * x.strides[1],
                  weight.as<const T>() + c * weight.strides[0] + m % depth * weight.strides[1]);
      }
      for (std::int64_t i = 0; i < size; ++i) *to++ = static_cast<T>(sums[i]);
    }
  }
}

void run(const Call& call) {
  const TensorView x = as_volume(call.inputs[0]), weight = as_volume(call.inputs[1]),
                   out = as_volume(call.outputs[0]);
  const TensorView* bias = call.inputs.size() > 2 ? &call.inputs[2] : nullptr;
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    spread<T>(call.state<ConvolutionState>(), x, weight, bias, out,
              static_cast<Compute<T>*>(call.workspace));
  });
}

// The sums of one channel of the output.
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  const auto list = [&](std::string_view name) {
    return in.attributes.get<std::vector<std::int64_t>>(name);
  };
  Dim count = static_cast<std::int64_t>(sizeof(double));
  for (std::size_t axis = 0; axis + 2 < in[0].shape.size(); ++axis) {
    count *= (in[0].shape[axis + 2] - 1) * list("strides")[axis] +
             (in[1].shape[axis + 2] - 1) * list("dilations")[axis] +
             (list("output_padding")[axis] + 1 - list("pads_low")[axis] - list("pads_high")[axis]);
  }
  return count;
}

}  // namespace

Kernel conv_transpose_plain() {
  return {
      .info = plain_info("conv_transpose", Floats::list()),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<ConvolutionState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
