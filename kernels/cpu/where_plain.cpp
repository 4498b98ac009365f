#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  AllDtypes::visit(call.outputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    map_elements<T, bool, T, T>(call, [](bool condition, T a, T b) { return condition ? a : b; });
  });
}

}  // namespace

Kernel where_plain() { return {.info = plain_info("where", Booleans::list()), .run = run}; }

}  // namespace paceline::kernels::cpu
