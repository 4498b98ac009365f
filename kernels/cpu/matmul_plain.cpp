#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : transpose_a(attributes.get<bool>("transpose_a")),
        transpose_b(attributes.get<bool>("transpose_b")) {}
  bool transpose_a;
  bool transpose_b;
};

template <typename T>
void multiply(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& out) {
  for (std::int64_t i = 0; i < a.rows; ++i) {
    const Lane<T> row = out.row(i);
    multiply_row(a.row(i), b,
                 [&](std::int64_t j, Compute<T> sum) { row[j] = static_cast<T>(sum); });
  }
}

// The batch axes of an operand; one of rank 2 serves every batch.
TensorView batch(const TensorView& view, const TensorView& out) {
  return broadcast_to(axes(view, 0, view.rank - 2), axes(out, 0, out.rank - 2));
}

void run(const Call& call) {
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  const State& state = call.state<State>();
  Floats::visit(a.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_element(
        std::array{batch(a, out), batch(b, out), batch(out, out)}, [&](const auto& at) {
          const auto left = matrix_of<const T>(a, at[0]);
          const auto right = matrix_of<const T>(b, at[1]);
          multiply(state.transpose_a ? left.transposed() : left,
                   state.transpose_b ? right.transposed() : right, matrix_of<T>(out, at[2]));
        });
  });
}

}  // namespace

Kernel matmul_plain() {
  return {
      .info = plain_info("matmul", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
