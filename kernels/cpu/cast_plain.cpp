#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  AllDtypes::visit(call.inputs[0].dtype, [&]<typename From>(std::type_identity<From>) {
    AllDtypes::visit(call.outputs[0].dtype, [&]<typename To>(std::type_identity<To>) {
      map_elements<To, From>(call, convert<To, From>);
    });
  });
}

}  // namespace

Kernel cast_plain() { return {.info = plain_info("cast", AllDtypes::list()), .run = run}; }

}  // namespace paceline::kernels::cpu
