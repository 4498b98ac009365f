#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {

struct ReductionState : Prepared {
  explicit ReductionState(const Attributes& attributes)
      : axes(attributes.get<std::vector<std::int64_t>>("axes")),
        keep_dims(attributes.get<bool>("keep_dims")) {}

  bool reduces(int axis, int rank) const {
    for (const std::int64_t reduced : axes) {
      if (axis_of(reduced, rank) == axis) return true;
    }
    return false;
  }

  std::vector<std::int64_t> axes;
  bool keep_dims;
};

inline void append_axis(TensorView& view, const TensorView& from, int axis) {
  view.extents[view.rank] = from.extents[axis];
  view.strides[view.rank++] = from.strides[axis];
}

// The operands of a reduction by what becomes of their axes.
struct ReductionViews {
  TensorView kept;     // Of the input.
  TensorView reduced;  // Of the input.
  TensorView out;      // With the extents of `kept`.

  ReductionViews(const TensorView& x, const TensorView& result, const ReductionState& state)
      : kept(axes(x, 0, 0)), reduced(kept), out(axes(result, 0, 0)) {
    int out_axis = 0;
    for (int axis = 0; axis < x.rank; ++axis) {
      const bool is_reduced = state.reduces(axis, x.rank);
      append_axis(is_reduced ? reduced : kept, x, axis);
      if (!is_reduced) append_axis(out, result, out_axis);
      if (!is_reduced || state.keep_dims) ++out_axis;
    }
  }
};

// F has start<A>() and operator()(A, A), where A is double or std::int64_t: what the elements are
// combined in, one after the other.
template <typename F, typename T>
void reduce(const ReductionViews& views) {
  using A = Accumulator<T>;
  const Rows<1> reduced({views.reduced});
  for_each_element(std::array{views.kept, views.out}, [&](const auto& at) {
    A total = F::template start<A>();
    reduced.for_each({at[0]}, [&](const auto& row, const auto& strides, std::int64_t count) {
      const T* x = reinterpret_cast<const T*>(row[0]);
      for (std::int64_t k = 0; k < count; ++k) {
        total = F{}(total, static_cast<A>(x[k * strides[0]]));
      }
    });
    *reinterpret_cast<T*>(at[1]) = static_cast<T>(total);
  });
}

template <typename F>
void run_reduction(const Call& call) {
  const ReductionViews views(call.inputs[0], call.outputs[0], call.state<ReductionState>());
  Numbers::visit(call.inputs[0].dtype,
                 [&]<typename T>(std::type_identity<T>) { reduce<F, T>(views); });
}

template <typename F>
Kernel reduction_kernel(std::string op) {
  return {
      .info = plain_info(std::move(op), Numbers::list()),
      .prepare = prepare<ReductionState>,
      .run = run_reduction<F>,
  };
}

}  // namespace paceline::kernels::cpu
