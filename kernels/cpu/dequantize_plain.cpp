#include "common/ops/block_codes.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/quantized.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView &blocks = call.inputs[0], &out = call.outputs[0];
  const ops::BlockFormat& format = call.state<QuantizedState>().format;
  const std::int64_t count = blocks.element_count() / format.bytes;
  float elements[ops::block_elements_max];
  Floats::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    T* to = out.as<T>();
    for (std::int64_t block = 0; block < count; ++block, to += format.elements) {
      ops::dequantize_row(format, blocks.as<const std::uint8_t>() + block * format.bytes,
                          format.elements, elements);
      for (std::int64_t i = 0; i < format.elements; ++i) to[i] = static_cast<T>(elements[i]);
    }
  });
}

}  // namespace

Kernel dequantize_plain() {
  return {
      .info = plain_info("dequantize", {Dtype::u8}, {Strides::dense}),
      .prepare = prepare<QuantizedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
