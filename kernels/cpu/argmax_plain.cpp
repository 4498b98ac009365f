#include "kernels/cpu/support/arg_extremum.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  run_arg_extremum(call, "argmax", [](auto a, auto b) { return ranks_above(a, b); });
}

}  // namespace

Kernel argmax_plain() {
  return {.info = plain_info("argmax", Numbers::list()),
          .prepare = prepare<ArgExtremumState>,
          .run = run};
}

}  // namespace paceline::kernels::cpu
