#include "common/ops/support/elementwise.h"

#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

template <typename In, typename Out>
void map(const ReferenceCall& call, Out (*function)(In)) {
  const In* x = call.inputs[0].as<In>();
  Out* out = call.outputs[0].as<Out>();
  const std::int64_t count = call.outputs[0].element_count();
  for (std::int64_t i = 0; i < count; ++i) out[i] = function(x[i]);
}

template <typename In, typename Out, typename Argument>
void map2(const ReferenceCall& call, Out (*function)(Argument, Argument)) {
  const In* a = call.inputs[0].as<In>();
  const In* b = call.inputs[1].as<In>();
  Out* out = call.outputs[0].as<Out>();
  const std::int64_t count = call.outputs[0].element_count();
  for (std::int64_t i = 0; i < count; ++i) out[i] = function(a[i], b[i]);
}

Types as_first(Elements allowed, const OpInputs& in) {
  expect(allowed, in[0]);
  expect_equal_types(in);
  return {{in[0].dtype, in[0].shape}};
}

Elements elements_of(const Unary& unary) {
  if (!unary.on_integers) return Elements::floats;
  return unary.needs_sign ? Elements::signed_numbers : Elements::numbers;
}

Types as_mask(const OpInputs& in) {
  expect_equal_types(in);
  return {{Dtype::boolean, in[0].shape}};
}

}  // namespace

Op unary(const Unary& unary) {
  const Elements allowed = elements_of(unary);
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .facts = {.elementwise = true},
      .infer = [allowed](const OpInputs& in) { return as_first(allowed, in); },
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference =
          [unary](const ReferenceCall& call) {
            if (call.inputs[0].dtype() == Dtype::f64) return map(call, unary.on_floats);
            map(call, unary.on_integers);
          },
      .samples = elementwise_samples(dtypes_of(allowed), {unary.domain}),
      .in_place = {{0, 0}},
  };
}

Op binary(const Binary& binary) {
  const Elements allowed = binary.on_integers ? Elements::numbers : Elements::floats;
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .facts = {.elementwise = true,
                .commutative = binary.commutative,
                .associative = binary.associative},
      .infer = [allowed](const OpInputs& in) { return as_first(allowed, in); },
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference =
          [binary](const ReferenceCall& call) {
            if (call.inputs[0].dtype() == Dtype::f64) return map2<double>(call, binary.on_floats);
            map2<std::int64_t>(call, binary.on_integers);
          },
      .samples = elementwise_samples(dtypes_of(allowed), binary.domains),
      .in_place = {{0, 0}, {0, 1}},
  };
}

Op comparison(const Comparison& comparison) {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .facts = {.elementwise = true, .commutative = comparison.commutative},
      .infer = as_mask,
      .work = [](const OpInputs& in) { return elementwise_work(in, as_mask(in), 1); },
      .reference =
          [comparison](const ReferenceCall& call) {
            switch (call.inputs[0].dtype()) {
              case Dtype::f64:
                return map2<double>(call, comparison.on_floats);
              case Dtype::i64:
                return map2<std::int64_t>(call, comparison.on_integers);
              default:
                return map2<bool>(call, comparison.on_integers);
            }
          },
      // Whole numbers of a narrow range, so that equal pairs occur.
      .samples = elementwise_samples(dtypes_of(Elements::any), {index_below(4), index_below(4)}),
  };
}

Op predicate(bool (*of_float)(double)) {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .facts = {.elementwise = true},
      .infer =
          [](const OpInputs& in) {
            expect(Elements::floats, in[0]);
            return as_mask(in);
          },
      .work = [](const OpInputs& in) { return elementwise_work(in, as_mask(in), 1); },
      .reference = [of_float](const ReferenceCall& call) { map(call, of_float); },
      .samples = elementwise_samples(dtypes_of(Elements::floats), {any_value}),
  };
}

Op logical(bool (*function)(bool, bool)) {
  const auto infer = [](const OpInputs& in) { return as_first(Elements::booleans, in); };
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .facts = {.elementwise = true, .commutative = true, .associative = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference = [function](const ReferenceCall& call) { map2<bool>(call, function); },
      .samples = elementwise_samples({Dtype::boolean}, {any_value, any_value}),
      .in_place = {{0, 0}, {0, 1}},
  };
}

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::int64_t wrapping_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace paceline::ops
