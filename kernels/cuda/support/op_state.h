#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace paceline::kernels::cuda {

// A kernel's one number, known when it is listed or from its attributes.
template <typename Op>
struct OpState : Prepared {
  explicit OpState(Op op) : op(op) {}
  Op op;
};

template <typename Op>
auto prepared_op(Op op) {
  return [op](const Attributes&, const Resources&) -> std::unique_ptr<Prepared> {
    return std::make_unique<OpState<Op>>(op);
  };
}

// A Kernel::prepare for a state that is made from the attributes alone.
template <typename State>
std::unique_ptr<Prepared> prepare(const Attributes& attributes, const Resources&) {
  return std::make_unique<State>(attributes);
}

}  // namespace paceline::kernels::cuda
