#include <array>

#include "common/base/error.h"
#include "common/models/onnx/einsum.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// Products of integers are summed in doubles: exact as long as sums stay below 2^53.
Value product_of_any(const Value& a, const Value& b) {
  if (is_float(a.dtype())) return product(a, b);
  return product(a.cast(Dtype::f64), b.cast(Dtype::f64)).cast(a.dtype());
}

Terms matrix_product(Call& call) { return {product_of_any(call.in(0), call.in(1))}; }

Terms general_product(Call& call) {
  const Value a = call.in(0);
  const Value b = call.in(1);
  if (a.rank() != 2 || b.rank() != 2) {
    throw invalid("matrices are needed: {} and {}", a.type().to_string(), b.type().to_string());
  }
  const bool turns_a = call.integer("transA", 0) != 0;
  const bool turns_b = call.integer("transB", 0) != 0;
  const double alpha = call.real("alpha", 1);
  const double beta = call.real("beta", 1);
  if (!is_float(a.dtype())) {
    Value y = product_of_any(turns_a ? a.transpose(0, 1) : a, turns_b ? b.transpose(0, 1) : b);
    if (alpha != 1) y = y * alpha;
    return {call.has(2) && beta != 0 ? y + (beta == 1 ? call.in(2) : call.in(2) * beta) : y};
  }
  Value y;
  if (!turns_a && alpha == 1) {
    std::vector<Value> operands{a, b};
    const Dim columns = b.dim(turns_b ? 0 : 1);
    const bool has_bias =
        call.has(2) && beta == 1 && call.rank(2) == 1 && call.shape(2)[0] == columns;
    if (has_bias) operands.push_back(call.in(2));
    y = a.builder().op("linear", operands, {{"transpose_weight", turns_b}});
    if (has_bias) return {y};
  } else {
    y = matmul(a, b, turns_a, turns_b);
    if (alpha != 1) y = y * alpha;
  }
  if (!call.has(2) || beta == 0) return {y};
  const Value c = call.in(2);
  return {y + (beta == 1 ? c : c * beta)};
}

Terms einstein_sum(Call& call) {
  std::vector<Value> operands;
  for (std::size_t i = 0; i < call.input_count(); ++i) operands.push_back(call.in(i));
  return {einsum(call.text("equation", ""), operands)};
}

constexpr std::array table{
    Translator{"Einsum", einstein_sum},
    Translator{"Gemm", general_product},
    Translator{"MatMul", matrix_product},
};

}  // namespace

std::span<const Translator> matmul_translators() { return table; }

}  // namespace paceline::onnx
