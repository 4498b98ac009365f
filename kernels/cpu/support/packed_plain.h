#pragma once

#include <algorithm>
#include <array>

#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/packed_problem.h"

namespace paceline::kernels::cpu {

// A packed weight, element by element.
template <typename W>
class PackedElements {
 public:
  explicit PackedElements(const TensorView& weight) : view_(weight) {}

  W at(std::int64_t k, std::int64_t column) const {
    const std::int64_t tile = view_.extents[2], depth = view_.extents[3];
    return view_.as<const W>()[column / tile * view_.strides[0] + k / depth * view_.strides[1] +
                               column % tile * view_.strides[2] + k % depth * view_.strides[3]];
  }

 private:
  TensorView view_;
};

// So many columns are unpacked at a time: their sums fit registers.
constexpr std::int64_t plain_columns = 16;

// The elements of these columns in Compute<T>, row by row of the weight; 0 beyond `count`.
template <typename T, typename W>
void unpack_columns(const PackedElements<W>& weight, std::int64_t begin, std::int64_t count,
                    std::int64_t depth, Compute<T>* panel) {
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t j = 0; j < plain_columns; ++j) {
      panel[k * plain_columns + j] =
          j < count ? static_cast<Compute<T>>(weight.at(k, begin + j)) : Compute<T>(0);
    }
  }
}

// out[row,j] = activation(x times the weight + bias + residual), for input 2 as the residual where
// the bias is input 3.
template <typename T, typename W, int bias_input, typename Finish>
void multiply_packed_plain(const Call& call, const Finish& finish) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const TensorView& beside = bias_input == 3 ? call.inputs[2] : out;
  const PackedElements<W> weight(call.inputs[1]);
  const int last = x.rank - 1;
  const std::int64_t depth = x.extents[last], columns = out.extents[last];
  const bool has_bias = call.inputs.size() > bias_input;
  auto* panel = static_cast<Compute<T>*>(call.workspace);
  for (std::int64_t begin = 0; begin < columns; begin += plain_columns) {
    const std::int64_t count = std::min(plain_columns, columns - begin);
    unpack_columns<T>(weight, begin, count, depth, panel);
    for_each_element(
        std::array{without_axis(x, last), without_axis(out, last), without_axis(beside, last)},
        [&](const auto& at) {
          const auto* row = reinterpret_cast<const T*>(at[0]);
          auto* result = reinterpret_cast<T*>(at[1]);
          const auto* residual = reinterpret_cast<const T*>(at[2]);
          Compute<T> sums[plain_columns] = {};
          for (std::int64_t k = 0; k < depth; ++k) {
            const Compute<T> factor = widen(row[k * x.strides[last]]);
            for (std::int64_t j = 0; j < plain_columns; ++j) {
              sums[j] += factor * panel[k * plain_columns + j];
            }
          }
          for (std::int64_t j = 0; j < count; ++j) {
            Compute<T> sum = sums[j];
            if (has_bias) {
              const TensorView& bias = call.inputs[bias_input];
              sum += widen(bias.as<const T>()[(begin + j) * bias.strides[0]]);
            }
            if (bias_input == 3) sum += widen(residual[(begin + j) * beside.strides[last]]);
            result[(begin + j) * out.strides[last]] = static_cast<T>(finish(sum));
          }
        });
  }
}

template <int bias_input>
void run_packed_plain(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    Floats::visit(call.inputs[1].dtype, [&]<typename W>(std::type_identity<W>) {
      const auto& activation = call.state<PackedState>().activation;
      if (!activation) {
        return multiply_packed_plain<T, W, bias_input>(call, [](Compute<T> sum) { return sum; });
      }
      visit_activation(*activation, [&](auto function) {
        multiply_packed_plain<T, W, bias_input>(call, function);
      });
    });
  });
}

inline Kernel packed_plain(const char* op, void (*run)(const Call&)) {
  return {
      .info = plain_info(op, Floats::list(), {Strides::any}, Precision::reorders, 0.02),
      .workspace_bytes =
          [](const OpInputs& in, const Resources&) {
            const auto element = in[0].dtype == Dtype::f64 ? sizeof(double) : sizeof(float);
            return in[0].shape.back() * static_cast<std::int64_t>(plain_columns * element);
          },
      .prepare = prepare<PackedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
