#include "kernels/cpu/support/channel_blocks.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const T* from = call.inputs[0].as<const T>();
    T* to = call.outputs[0].as<T>();
    visit_blocks(call.inputs[0], [&](std::int64_t element, std::int64_t at) {
      to[at] = element < 0 ? T{} : from[element];
    });
  });
}

}  // namespace

Kernel pack_channels_plain() {
  return {
      .info = plain_info("pack_channels", Floats::list(), {Strides::dense}),
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
