#include <array>
#include <cmath>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : epsilon(attributes.get<double>("epsilon")),
        groups(attributes.get<std::int64_t>("groups")) {}
  double epsilon;
  std::int64_t groups;
};

// The sum of f(element) in double.
template <typename T, typename F>
double sum_of(const TensorView& view, F f) {
  double sum = 0;
  for_each_element(std::array{view}, [&](const auto& at) {
    sum += f(static_cast<double>(*reinterpret_cast<const T*>(at[0])));
  });
  return sum;
}

template <typename T>
void normalise(const Call& call, const TensorView& x, const TensorView& out, std::int64_t first) {
  const auto count = static_cast<double>(x.element_count());
  const double mean = sum_of<T>(x, [](double e) { return e; }) / count;
  const double variance =
      sum_of<T>(x, [mean](double e) { return (e - mean) * (e - mean); }) / count;
  const double scale = 1 / std::sqrt(variance + call.state<State>().epsilon);
  const auto of_channel = [&](int operand, std::int64_t c) {
    const TensorView& vector = call.inputs[operand];
    return static_cast<double>(vector.as<const T>()[(first + c) * vector.strides[0]]);
  };
  for (std::int64_t c = 0; c < x.extents[1]; ++c) {
    const double factor = of_channel(1, c), shift = of_channel(2, c);
    for_each_element(std::array{narrowed(x, 1, c, 1), narrowed(out, 1, c, 1)}, [&](const auto& at) {
      const auto e = static_cast<double>(*reinterpret_cast<const T*>(at[0]));
      *reinterpret_cast<T*>(at[1]) = static_cast<T>((e - mean) * scale * factor + shift);
    });
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const std::int64_t size = x.extents[1] / call.state<State>().groups;
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::int64_t b = 0; b < x.extents[0]; ++b) {
      for (std::int64_t first = 0; first < x.extents[1]; first += size) {
        const auto group = [&](const TensorView& view) {
          return narrowed(narrowed(view, 0, b, 1), 1, first, size);
        };
        normalise<T>(call, group(x), group(out), first);
      }
    }
  });
}

}  // namespace

Kernel group_norm_plain() {
  return {.info = plain_info("group_norm", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
