#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// What all plain kernels say of themselves: our own, single-threaded, with dense outputs.
inline KernelInfo plain_info(std::string op, std::vector<Dtype> dtypes,
                             std::vector<Strides> input_strides = {Strides::any},
                             Precision precision = Precision::exact,
                             double expected_efficiency = 0.05) {
  return {
      .op = std::move(op),
      .library = "paceline",
      .accepts = {.dtypes = std::move(dtypes), .input_strides = std::move(input_strides)},
      .precision = precision,
      .expected_efficiency = expected_efficiency,
      .is_plain = true,
  };
}

// A Kernel::prepare for a state that is made from the attributes alone.
template <typename State>
std::unique_ptr<Prepared> prepare(const Attributes& attributes, const Resources&) {
  return std::make_unique<State>(attributes);
}

// The state of ops whose one attribute is `axis`.
struct AxisState : Prepared {
  explicit AxisState(const Attributes& attributes) : axis(attributes.get<std::int64_t>("axis")) {}
  std::int64_t axis;
};

}  // namespace paceline::kernels::cpu
