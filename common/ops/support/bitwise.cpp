#include "common/ops/support/bitwise.h"

#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_integers(in[0]);
  expect_equal_types(in);
  return {{in[0].dtype, in[0].shape}};
}

}  // namespace

std::vector<Dtype> integer_dtypes() { return {Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8}; }

void expect_integers(const TensorType& type) {
  if (!is_integer(type.dtype)) throw invalid("expected i64, i32, i8, u8: {}", type.to_string());
}

Op bitwise(const Bitwise& bitwise) {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .facts = {.elementwise = true,
                .commutative = bitwise.commutes,
                .associative = bitwise.commutes},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference =
          [function = bitwise.function](const ReferenceCall& call) {
            const std::int64_t *a = call.inputs[0].as<std::int64_t>(),
                               *b = call.inputs[1].as<std::int64_t>();
            std::int64_t* out = call.outputs[0].as<std::int64_t>();
            for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) {
              out[i] = function(a[i], b[i]);
            }
          },
      .samples = elementwise_samples(integer_dtypes(), {any_value, bitwise.second}),
      .in_place = {{0, 0}, {0, 1}},
  };
}

}  // namespace paceline::ops
