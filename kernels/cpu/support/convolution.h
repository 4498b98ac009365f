#pragma once

#include <cmath>
#include <optional>
#include <string>

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/windows.h"

// What convolutions parse and how their operands lie.
namespace paceline::kernels::cpu {

struct ConvolutionState : WindowState {
  explicit ConvolutionState(const Attributes& attributes)
      : WindowState(attributes), groups(attributes.get<std::int64_t>("groups")) {}
  std::int64_t groups;
};

// What may follow a convolution.
struct FinalActivation {
  enum class Kind { none, relu, sigmoid, silu, clip };

  FinalActivation() = default;
  explicit FinalActivation(const Attributes& attributes)
      : low(attributes.get<double>("low")), high(attributes.get<double>("high")) {
    const std::string& name = attributes.get<std::string>("activation");
    if (name == "relu") kind = Kind::relu;
    if (name == "sigmoid") kind = Kind::sigmoid;
    if (name == "silu") kind = Kind::silu;
    if (name == "clip") kind = Kind::clip;
  }

  template <typename T>
  T operator()(T x) const {
    switch (kind) {
      case Kind::none:
        return x;
      case Kind::relu:
        return Relu{}(x);
      case Kind::sigmoid:
        return Sigmoid{}(x);
      case Kind::silu:
        return Silu{}(x);
      case Kind::clip:
        break;
    }
    const T least = static_cast<T>(low), most = static_cast<T>(high);
    const T above = x < least ? least : x;  // NaN stays.
    return above > most ? most : above;
  }

  Kind kind = Kind::none;
  double low = 0, high = 0;
};

struct FinishedConvolutionState : ConvolutionState {
  explicit FinishedConvolutionState(const Attributes& attributes)
      : ConvolutionState(attributes), activation(attributes) {}
  FinalActivation activation;
};

// A row of sums, which is no longer than a row of x and its padding.
inline Dim convolution_row_bytes(const OpInputs& in) {
  const auto pads = [&](std::string_view name) {
    return in.attributes.get<std::vector<std::int64_t>>(name).back();
  };
  return (in[0].shape.back() + pads("pads_low") + pads("pads_high")) *
         static_cast<std::int64_t>(sizeof(double));
}

template <typename T>
T& element(const TensorView& vector, std::int64_t i) {
  return vector.as<T>()[i * vector.strides[0]];
}

// out[b,m] = conv(x, weight)[b,m] + bias[m], one row of outputs at a time; `store(row of sums, b,
// m, z, y)` takes them. `sums` has room for one row.
template <typename T, typename Store>
void convolve_plainly(const ConvolutionState& state, const TensorView& x, const TensorView& weight,
                      const TensorView* bias, const TensorView& out, Compute<T>* sums,
                      const Store& store) {
  const auto axes = window_axes(state, x, spatial_extents(weight), out);
  const std::int64_t depth = weight.extents[1], per_group = out.extents[1] / state.groups;
  const WindowAxis &az = axes[0], &ay = axes[1], &ax = axes[2];
  const std::int64_t step = ax.stride * x.strides[4];
  const auto add_row = [&](const T* row, const T* taps) {
    for (std::int64_t k = 0; k < ax.kernel; ++k) {
      const Range range = ax.windows(k);
      const Compute<T> factor = widen(taps[k * weight.strides[4]]);
      const T* from = row + ax.place(range.begin, k) * x.strides[4];
      for (std::int64_t o = range.begin; o < range.end; ++o, from += step) {
        sums[o] += factor * widen(*from);
      }
    }
  };
  const auto add_plane = [&](const T* plane, const T* taps, std::int64_t z, std::int64_t y) {
    const Range kz = az.taps(z), ky = ay.taps(y);
    for (std::int64_t a = kz.begin; a < kz.end; ++a) {
      for (std::int64_t b = ky.begin; b < ky.end; ++b) {
        add_row(plane + az.place(z, a) * x.strides[2] + ay.place(y, b) * x.strides[3],
                taps + a * weight.strides[2] + b * weight.strides[3]);
      }
    }
  };
  for (std::int64_t b = 0; b < out.extents[0]; ++b) {
    for (std::int64_t m = 0; m < out.extents[1]; ++m) {
      const T* first = x.as<const T>() + b * x.strides[0] + m / per_group * depth * x.strides[1];
      const T* taps = weight.as<const T>() + m * weight.strides[0];
      for (std::int64_t z = 0; z < az.out; ++z) {
        for (std::int64_t y = 0; y < ay.out; ++y) {
          std::fill_n(sums, ax.out, bias == nullptr ? 0 : widen(element<const T>(*bias, m)));
          for (std::int64_t c = 0; c < depth; ++c) {
            add_plane(first + c * x.strides[1], taps + c * weight.strides[1], z, y);
          }
          store(sums, b, m, z, y);
        }
      }
    }
  }
}

// activation(conv + residual) of a whole call, into output 0; `residual` may be null.
inline void run_plain_convolution(const Call& call, const ConvolutionState& state,
                                  const FinalActivation& activation, const TensorView* residual,
                                  std::size_t bias) {
  const TensorView x = as_volume(call.inputs[0]), weight = as_volume(call.inputs[1]),
                   out = as_volume(call.outputs[0]);
  const TensorView* shift = call.inputs.size() > bias ? &call.inputs[bias] : nullptr;
  const TensorView added = residual == nullptr ? out : as_volume(*residual);
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    T* to = out.as<T>();
    const auto store = [&](const Compute<T>* sums, std::int64_t b, std::int64_t m, std::int64_t z,
                           std::int64_t y) {
      const T* from = added.as<const T>() + b * added.strides[0] + m * added.strides[1] +
                      z * added.strides[2] + y * added.strides[3];
      for (std::int64_t i = 0; i < out.extents[4]; ++i) {
        const Compute<T> sum =
            residual == nullptr ? sums[i] : sums[i] + widen(from[i * added.strides[4]]);
        *to++ = static_cast<T>(activation(sum));
      }
    };
    convolve_plainly<T>(state, x, weight, shift, out, static_cast<Compute<T>*>(call.workspace),
                        store);
  });
}

}  // namespace paceline::kernels::cpu
