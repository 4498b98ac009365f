#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    map_elements<bool, T>(call, [](T x) { return std::isinf(widen(x)); });
  });
}

}  // namespace

Kernel is_inf_plain() { return {.info = plain_info("is_inf", Floats::list()), .run = run}; }

}  // namespace paceline::kernels::cpu
