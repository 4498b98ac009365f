#include "kernels/kernel.h"

#if defined(__x86_64__)

// Before what includes intrinsics too.
#include "kernels/cpu/support/vnni_product.h"

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

using namespace vnni;

// For so few rows, unpacking in registers costs less than panels.
constexpr std::int64_t few_rows = 8;

template <int planes>
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const Shape& shape = in[0].shape;
  const std::int64_t elements = *shape.back().constant();
  Dim rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  const std::int64_t width = whole_batches(elements) * batch_elements;
  return ByteRows::bytes(rows, elements, planes) + resources.threads * Panel::bytes(width) + 64;
}

// What bytes cannot say is multiplied as it is.
void multiply_wild_row(const QuantizedProduct<float>& p, const ops::BlockFormat& format,
                       std::int64_t row) {
  float weight[ops::block_elements_max];
  for (std::int64_t column = 0; column < p.n; ++column) {
    float sum = p.bias != nullptr ? p.bias[column] : 0;
    const std::uint8_t* blocks = p.blocks + column * p.row_bytes;
    for (std::int64_t k = 0; k < p.k; k += format.elements, blocks += format.bytes) {
      ops::dequantize_row(format, blocks, format.elements, weight);
      for (std::int64_t i = 0; i < format.elements; ++i) sum += p.x[row * p.k + k + i] * weight[i];
    }
    p.out[row * p.n + column] = sum;
  }
}

template <BlockKind kind, int planes>
void multiply(const QuantizedProduct<float>& p, const ByteRows& x, const Call& call) {
  if (p.m <= few_rows) {
    parallel_streams(p.n, p.k, call.threads, [&](std::int64_t begin, std::int64_t end) {
      multiply_columns<kind, planes>(p, x, begin, end);
    });
    return;
  }
  auto* panels = reinterpret_cast<std::byte*>(x.is_wild + 16 * p.m);
  const std::int64_t count = (p.n + panel_columns - 1) / panel_columns;
  parallel_ranges(count, panel_columns * p.k, call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    void* memory = panels + workspace_part(call.threads) * Panel::bytes(x.width);
                    multiply_panels<kind, planes>(p, x, begin, end, memory);
                  });
}

template <int planes>
void run(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  const ops::BlockFormat& format = call.state<QuantizedState>().format;
  const auto p = quantized_product<float>(call);
  const ByteRows x = ByteRows::at(call.workspace, p.m, p.k, planes);
  const bool by_halves = p.m <= few_rows && few_rows_order(format.kind) == Order::halves;
  const auto put = by_halves ? put_row<planes, Order::halves> : put_row<planes, Order::plain>;
  parallel_ranges(p.m, p.k, call.threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) put(p.x + row * p.k, p.k, x, row);
  });
  ops::visit_block_kind(format.kind, [&]<BlockKind kind>() { multiply<kind, planes>(p, x, call); });
  for (std::int64_t row = 0; row < p.m; ++row) {
    if (x.is_wild[row] != 0) multiply_wild_row(p, format, row);
  }
}

template <int planes>
Kernel kernel(const char* name, double efficiency) {
  return {.info = {.name = name,
                   .op = "linear_quantized",
                   .library = "paceline",
                   .accepts = {.dtypes = {Dtype::f32}, .isa = instruction_sets()},
                   .precision = Precision::narrows,
                   .expected_efficiency = efficiency},
          .workspace_bytes = workspace_bytes<planes>,
          .prepare = prepare<QuantizedState>,
          .run = run<planes>};
}

}  // namespace

// Activations become signed bytes, in blocks of 32: one byte each, as llama.cpp has them (relative
// error 5e-3 on normal operands), or two (4e-5).
std::vector<Kernel> quantized_vnni() { return {kernel<1>("int8", 0.9), kernel<2>("int16", 0.7)}; }

}  // namespace paceline::kernels::cpu

#else

namespace paceline::kernels::cpu {

std::vector<Kernel> quantized_vnni() { return {}; }

}  // namespace paceline::kernels::cpu

#endif
