#include "kernels/cpu/support/arg_extremum.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  run_arg_extremum(call, "argmin", [](auto a, auto b) { return ranks_below(a, b); });
}

}  // namespace

Kernel argmin_plain() {
  return {.info = plain_info("argmin", Numbers::list()),
          .prepare = prepare<ArgExtremumState>,
          .run = run};
}

}  // namespace paceline::kernels::cpu
