#include <algorithm>

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/plain.h"

// Each token runs through the experts that it chose, one after the other, and no others.
namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

constexpr int first_expert_input = 3;

template <typename T>
struct Expert {
  Matrix<const T> gate, up, down;  // As factors on the right: [K,I], [K,I], [I,K].
};

template <typename T>
Expert<T> expert_of(const Call& call, std::int64_t index) {
  const std::int64_t count = (call.inputs.size() - first_expert_input) / 3;
  if (index < 0 || index >= count) {
    throw invalid("expert_mlp: expert {} is outside [0, {})", index, count);
  }
  const auto factor = [&](std::int64_t which) {
    const TensorView& weight = call.inputs[first_expert_input + 3 * index + which];
    return matrix_of<const T>(weight, address(weight)).transposed();
  };
  return {factor(0), factor(1), factor(2)};
}

// sums += share * down(act(gate x) * up x). `hidden` has room for one row of the expert.
template <typename T>
void add_expert(const Expert<T>& expert, const Lane<const T>& x, Activation activation,
                Compute<T> share, T* hidden, Compute<T>* sums) {
  multiply_row(x, expert.gate, [&](std::int64_t i, Compute<T> gate) {
    visit_activation(activation, [&](auto act) { hidden[i] = static_cast<T>(act(gate)); });
  });
  multiply_row(x, expert.up, [&](std::int64_t i, Compute<T> up) {
    hidden[i] = static_cast<T>(widen(hidden[i]) * up);
  });
  const Lane<const T> inner{hidden, 1, expert.up.columns};
  multiply_row(inner, expert.down,
               [&](std::int64_t j, Compute<T> value) { sums[j] += share * value; });
}

template <typename T, typename Index>
void run_typed(const Call& call) {
  const TensorView &x = call.inputs[0], &shares = call.inputs[1], &indices = call.inputs[2];
  const auto tokens = matrix_of<const T>(x, address(x));
  const auto share = matrix_of<const T>(shares, address(shares));
  const auto index = matrix_of<const Index>(indices, address(indices));
  const auto out = matrix_of<T>(call.outputs[0], address(call.outputs[0]));
  auto* sums = static_cast<Compute<T>*>(call.workspace);
  T* hidden = reinterpret_cast<T*>(sums + tokens.columns);
  for (std::int64_t t = 0; t < tokens.rows; ++t) {
    std::fill_n(sums, tokens.columns, Compute<T>{0});
    for (std::int64_t s = 0; s < index.columns; ++s) {
      add_expert(expert_of<T>(call, index.row(t)[s]), tokens.row(t), call.state<State>().activation,
                 widen(share.row(t)[s]), hidden, sums);
    }
    const Lane<T> row = out.row(t);
    for (std::int64_t j = 0; j < row.count; ++j) row[j] = static_cast<T>(sums[j]);
  }
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    Indices::visit(call.inputs[2].dtype,
                   [&]<typename Index>(std::type_identity<Index>) { run_typed<T, Index>(call); });
  });
}

// The sums of one token and the inner row of one expert.
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  const Dim inner = in[first_expert_input].shape[0];
  return (in[0].shape[1] + inner) * static_cast<std::int64_t>(sizeof(double));
}

}  // namespace

Kernel expert_mlp_plain() {
  return {
      .info = plain_info("expert_mlp", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
