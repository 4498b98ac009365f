#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/norms.h"
#include "kernels/cpu/support/rotate.h"

namespace paceline::kernels::cpu {
namespace {

enum : std::size_t { q, k, v, cosines, sines, keys, values, q_norm, k_norm };

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : norm(attributes),
        is_interleaved(attributes.get<bool>("interleaved")),
        start(attributes.get<Dim>("start").evaluate({})) {}
  RmsNorm norm;
  bool is_interleaved;
  std::int64_t start;
};

// [B,N,heads * width] as [B,heads,N,width].
TensorView heads_of(const TensorView& x, std::int64_t heads, std::int64_t width) {
  TensorView view = x;
  view.rank = 4;
  const std::int64_t extents[] = {x.extents[0], heads, x.extents[1], width};
  const std::int64_t strides[] = {x.strides[0], width * x.strides[2], x.strides[1], x.strides[2]};
  std::copy_n(extents, 4, view.extents);
  std::copy_n(strides, 4, view.strides);
  return view;
}

template <typename T>
Lane<const T> row_of(const TensorView& table, std::int64_t row) {
  return {table.as<const T>() + row * table.strides[0], table.strides[1], table.extents[1]};
}

// Norms, if there is a weight for it, and turns the rows of `from` into those of `to`.
template <typename T>
void turn(const Call& call, const TensorView& from, const TensorView& to, std::size_t weight) {
  const State& state = call.state<State>();
  const auto lane = [](const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t n) {
    T* data = view.as<T>() + b * view.strides[0] + h * view.strides[1] + n * view.strides[2];
    return Lane<T>{data, view.strides[3], view.extents[3]};
  };
  for (std::int64_t b = 0; b < from.extents[0]; ++b) {
    for (std::int64_t h = 0; h < from.extents[1]; ++h) {
      for (std::int64_t n = 0; n < from.extents[2]; ++n) {
        const Lane<T> x = lane(from, b, h, n), out = lane(to, b, h, n);
        Lane<const T> row{x.data, x.stride, x.count};
        if (call.inputs.size() > weight) {
          normalise(state.norm, row, lane_of<T>(call.inputs[weight]), out);
          row = {out.data, out.stride, out.count};
        }
        rotate(row, row_of<T>(call.inputs[cosines], n), row_of<T>(call.inputs[sines], n), out,
               state.is_interleaved);
      }
    }
  }
}

void run(const Call& call) {
  const TensorView &kept_keys = call.outputs[1], &kept_values = call.outputs[2];
  const State& state = call.state<State>();
  const std::int64_t positions = call.inputs[q].extents[1];
  const std::int64_t groups = kept_keys.extents[1], width = kept_keys.extents[3];
  if (state.start < 0 || state.start + positions > kept_keys.extents[2]) {
    throw invalid("head_append: positions [{}, {}) of {}", state.start, state.start + positions,
                  kept_keys.extents[2]);
  }
  if (call.inputs[keys].data != kept_keys.data) copy_elements(call.inputs[keys], kept_keys);
  if (call.inputs[values].data != kept_values.data) copy_elements(call.inputs[values], kept_values);
  Floats::visit(kept_keys.dtype, [&]<typename T>(std::type_identity<T>) {
    turn<T>(call, heads_of(call.inputs[q], call.outputs[0].extents[1], width), call.outputs[0],
            q_norm);
    turn<T>(call, heads_of(call.inputs[k], groups, width),
            narrowed(kept_keys, 2, state.start, positions), k_norm);
  });
  copy_elements(heads_of(call.inputs[v], groups, kept_values.extents[3]),
                narrowed(kept_values, 2, state.start, positions));
}

}  // namespace

// Far from what vectors do with these rows.
Kernel head_append_plain() {
  return {
      .info = plain_info("head_append", Floats::list(), {Strides::any}, Precision::exact, 0.01),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
