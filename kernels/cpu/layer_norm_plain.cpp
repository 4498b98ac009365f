#include <cmath>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes) : epsilon(attributes.get<double>("epsilon")) {}
  double epsilon;
};

template <typename T>
double mean_of(const Lane<const T>& x) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.count; ++i) sum += static_cast<double>(x[i]);
  return sum / static_cast<double>(x.count);
}

// The mean is known before squares are summed, so nothing cancels.
template <typename T>
double variance_of(const Lane<const T>& x, double mean) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    const double distance = static_cast<double>(x[i]) - mean;
    sum += distance * distance;
  }
  return sum / static_cast<double>(x.count);
}

template <typename T>
Lane<const T> lane_of(const TensorView& vector) {
  return {vector.as<const T>(), vector.strides[0], vector.extents[0]};
}

template <typename T>
void run_typed(const Call& call) {
  const TensorView& x = call.inputs[0];
  const auto weight = lane_of<T>(call.inputs[1]), bias = lane_of<T>(call.inputs[2]);
  const double epsilon = call.state<State>().epsilon;
  for_each_lane<T, T>(x, call.outputs[0], x.rank - 1,
                      [&](const Lane<const T>& row, const Lane<T>& out) {
                        const double mean = mean_of(row);
                        const double scale = 1 / std::sqrt(variance_of(row, mean) + epsilon);
                        for (std::int64_t i = 0; i < row.count; ++i) {
                          const double normal = (static_cast<double>(row[i]) - mean) * scale;
                          out[i] = static_cast<T>(normal * static_cast<double>(weight[i]) +
                                                  static_cast<double>(bias[i]));
                        }
                      });
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace

Kernel layer_norm_plain() {
  return {.info = plain_info("layer_norm", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
