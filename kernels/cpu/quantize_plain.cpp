#include <algorithm>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/quantized.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const ops::BlockFormat& format = call.state<QuantizedState>().format;
  const auto count = static_cast<std::size_t>(format.elements);
  float elements[ops::block_elements_max];
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    const T* from = x.as<const T>();
    auto* to = out.as<std::uint8_t>();
    for (std::int64_t i = 0; i < x.element_count(); i += format.elements, to += format.bytes) {
      std::transform(from + i, from + i + count, elements,
                     [](T element) { return static_cast<float>(element); });
      ops::quantize_row(format, {elements, count}, {to, static_cast<std::size_t>(format.bytes)});
    }
  });
}

}  // namespace

Kernel quantize_plain() {
  return {
      .info = plain_info("quantize", Floats::list(), {Strides::dense}),
      .prepare = prepare<QuantizedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
