// bench_decode_products: what the products of a token cost on cuda:0, in captured graphs as a plan
// has them, with weights that no cache holds: each kernel alone, then a model's layers one after
// the other (products alone), their last matrix with argmax, and blocks of GGML's formats. Times
// are of a call, rates those of the weights' bytes.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/ops/block_format.h"
#include "tests/bench/captured_steps.h"

namespace paceline {
namespace {

using bench::cold_bytes;
using bench::print;
using Bench = bench::CapturedSteps;

// x [rows, depth] times weights that differ from call to call.
void single(Bench& bench, const std::vector<const char*>& names, std::int64_t rows,
            std::int64_t columns, std::int64_t depth) {
  const Dtype dtype = Dtype::bf16;
  const std::int64_t bytes = columns * depth * 2;
  const auto copies = std::clamp<std::int64_t>(cold_bytes / bytes, 1, 64);
  const TensorView x = bench.operand(dtype, {rows, depth});
  const TensorView out = bench.operand(dtype, {rows, columns});
  std::vector<TensorView> weights;
  for (std::int64_t i = 0; i < copies; ++i)
    weights.push_back(bench.operand(dtype, {columns, depth}));
  for (const char* name : names) {
    bool is_there = true;
    for (const TensorView& weight : weights) {
      is_there = is_there && bench.enqueue(name, {}, {x, weight}, {out}, 2);
    }
    if (!is_there) continue;
    print(fmt::format("linear {} x {} x {}", rows, columns, depth), name,
          bench.time() / static_cast<double>(copies), static_cast<double>(bytes));
  }
  bench.forget();
}

void quantized(Bench& bench, const char* format_name, std::int64_t columns, std::int64_t depth) {
  const ops::BlockFormat& format = ops::block_format(format_name);
  const std::int64_t bytes = columns * format.row_bytes(depth);
  const auto copies = std::clamp<std::int64_t>(cold_bytes / bytes, 1, 64);
  const TensorView x = bench.operand(Dtype::bf16, {1, depth});
  const TensorView out = bench.operand(Dtype::bf16, {1, columns});
  std::vector<TensorView> weights;
  for (std::int64_t i = 0; i < copies; ++i) {
    weights.push_back(bench.operand(Dtype::u8, {columns, format.row_bytes(depth)}));
  }
  for (const char* name : {"stream_rows_cuda.linear_quantized", "few_rows_cuda.linear_quantized"}) {
    bool is_there = true;
    for (const TensorView& weight : weights) {
      is_there = is_there &&
                 bench.enqueue(name, {{"format", std::string(format_name)}}, {x, weight}, {out}, 2);
    }
    if (!is_there) continue;
    print(fmt::format("{} 1 x {} x {}", format_name, columns, depth), name,
          bench.time() / static_cast<double>(copies), static_cast<double>(bytes));
  }
  bench.forget();
}

struct Model {
  const char* name;
  int layers;
  std::int64_t width, queries, keys, inner;
};

// Families whose members take the steps of a layer; no names: ten separate steps.
struct Families {
  const char *what, *norms, *products;
};

// The products of all layers.
void layers(Bench& bench, const Model& of, const Families& by) {
  const Dtype dtype = Dtype::bf16;
  const auto row = [&](std::int64_t width) { return bench.operand(dtype, {1, width}); };
  const TensorView x = row(of.width), middle = row(of.width), normed = row(of.width);
  const TensorView q = row(of.queries), k = row(of.keys), v = row(of.keys);
  const TensorView gate = row(of.inner), up = row(of.inner), hidden = row(of.inner);
  const TensorView norm = bench.operand(dtype, {of.width});
  std::int64_t bytes = 0;
  const auto weight = [&](std::int64_t columns, std::int64_t depth) {
    bytes += columns * depth * 2;
    return bench.operand(dtype, {columns, depth});
  };
  bool is_there = true;
  const auto step = [&](const char* name, std::vector<TensorView> inputs,
                        std::vector<TensorView> outputs, std::uint32_t lasting) {
    is_there = is_there && bench.enqueue(name, {}, std::move(inputs), std::move(outputs), lasting);
  };
  for (int layer = 0; layer < of.layers; ++layer) {
    const TensorView wq = weight(of.queries, of.width), wk = weight(of.keys, of.width),
                     wv = weight(of.keys, of.width), wo = weight(of.width, of.queries),
                     wg = weight(of.inner, of.width), wu = weight(of.inner, of.width),
                     wd = weight(of.width, of.inner);
    if (by.norms != nullptr) {
      const std::string joint = fmt::format("{}.norm_linears", by.norms), gated = joint + "_gated",
                        residual = fmt::format("{}.linear_residual", by.products);
      step(joint.c_str(), {x, norm, wq, wk, wv}, {q, k, v}, 0b11110);
      step(residual.c_str(), {q, wo, x}, {middle}, 2);
      step(gated.c_str(), {middle, norm, wg, wu}, {hidden}, 0b1110);
      step(residual.c_str(), {hidden, wd, middle}, {x}, 2);
      continue;
    }
    step("rows_cuda.rms_norm", {x, norm}, {normed}, 2);
    step("few_rows_cuda.linear", {normed, wq}, {q}, 2);
    step("few_rows_cuda.linear", {normed, wk}, {k}, 2);
    step("few_rows_cuda.linear", {normed, wv}, {v}, 2);
    step("few_rows_cuda.linear_residual", {q, wo, x}, {middle}, 2);
    step("rows_cuda.rms_norm", {middle, norm}, {normed}, 2);
    step("few_rows_cuda.linear", {normed, wg}, {gate}, 2);
    step("few_rows_cuda.linear", {normed, wu}, {up}, 2);
    step("binary_cuda.gated_activation", {gate, up}, {hidden}, 0);
    step("few_rows_cuda.linear_residual", {hidden, wd, middle}, {x}, 2);
  }
  if (is_there) {
    print(fmt::format("{}: products of a layer", of.name), by.what, bench.time() / of.layers,
          static_cast<double>(bytes) / of.layers);
  }
  bench.forget();
}

void greedy(Bench& bench, const char* product) {
  const std::int64_t vocabulary = 151936, width = 1024;
  const TensorView x = bench.operand(Dtype::bf16, {1, width});
  const TensorView weight = bench.operand(Dtype::bf16, {vocabulary, width});
  const TensorView logits = bench.operand(Dtype::bf16, {1, vocabulary});
  const TensorView token = bench.operand(Dtype::i64, {1});
  const auto bytes = static_cast<double>(vocabulary * width * 2);
  if (!bench.enqueue(product, {}, {x, weight}, {logits}, 2)) return bench.forget();
  const double alone = bench.time();
  print("last matrix 151936 x 1024", product, alone, bytes);
  bench.enqueue(product, {}, {x, weight}, {logits}, 2);
  if (bench.enqueue("reductions_cuda.argmax", {}, {logits}, {token}, 0)) {
    print("last matrix and argmax", product, bench.time(), bytes);
  }
  bench.forget();
}

int main_of() {
  if (const auto absence = kernels::cuda_absence()) {
    fmt::print(stderr, "bench_decode_products: {}\n", *absence);
    return 1;
  }
  Bench bench;
  const Model models[] = {{"qwen3-0.6b", 28, 1024, 2048, 1024, 3072},
                          {"7b", 8, 4096, 4096, 1024, 14336}};
  for (const Model& model : models) {
    for (const Families& by :
         {Families{"four steps: norm, load", "norm_linears_cuda", "load_rows_cuda"},
          Families{"four steps: load, load", "load_rows_cuda", "load_rows_cuda"},
          Families{"four steps: norm, stream", "norm_linears_cuda", "stream_rows_cuda"},
          Families{"four steps: load, few", "load_rows_cuda", "few_rows_cuda"},
          Families{"ten steps", nullptr, nullptr}}) {
      layers(bench, model, by);
    }
  }
  for (const char* product : {"load_rows_cuda.linear", "stream_rows_cuda.linear",
                              "few_rows_cuda.linear", "products_cublaslt.linear.h0"}) {
    greedy(bench, product);
  }
  const std::vector<const char*> products = {"load_rows_cuda.linear", "stream_rows_cuda.linear",
                                             "few_rows_cuda.linear", "few_rows_mma_cuda.linear",
                                             "products_cublaslt.linear.h0"};
  for (const std::int64_t rows : {1, 2, 4, 8, 16}) {
    for (const auto& [columns, depth] : {std::pair<int, int>{2048, 1024},
                                         {1024, 2048},
                                         {1024, 3072},
                                         {6144, 1024},
                                         {4096, 4096},
                                         {14336, 4096},
                                         {4096, 14336}}) {
      single(bench, products, rows, columns, depth);
    }
  }
  for (const char* format : {"q8_0", "q4_0", "q4_k", "q6_k"}) {
    for (const auto& [columns, depth] :
         {std::pair<int, int>{3072, 1024}, {4096, 4096}, {14336, 4096}, {4096, 14336}}) {
      quantized(bench, format, columns, depth);
    }
  }
  return 0;
}

}  // namespace
}  // namespace paceline

int main() {
  try {
    return paceline::main_of();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_decode_products: {}\n", error.what());
    return 1;
  }
}
