// bench_decoder_layer: a token's layers on cuda:0, weights and caches different from layer to
// layer, as six steps each and in one launch each, in captured graphs. Times are of a layer, rates
// those of the bytes of its weights and of the keys and values that it sees.

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/bench/captured_steps.h"

namespace paceline {
namespace {

struct Model {
  const char* name;
  int layers;
  std::int64_t width, heads, groups, head_width, inner;
  bool has_norms;
};

// What steps of a layer hand on.
struct Between {
  TensorView q, k, v, turned, attended, joined, middle, inner;
};

struct Weights {
  TensorView norm, q, k, v, out, inner_norm, gate, up, down, q_norm, k_norm, keys, values;
};

class Layers {
 public:
  Layers(const Model& of, std::int64_t context) : of_(of), context_(context) {
    const std::int64_t queries = of.heads * of.head_width, kept = of.groups * of.head_width;
    x_ = row(of.width);
    out_ = row(of.width);
    table_ = bench_.operand(dtype, {1, of.head_width / 2});
    between_ = {row(queries), row(kept), row(kept),     row(queries),
                row(queries), {},        row(of.width), row(of.inner)};
    between_.joined = between_.attended;
    between_.turned =
        TensorView::dense(between_.turned.data, dtype, {1, of.heads, 1, of.head_width});
    between_.attended =
        TensorView::dense(between_.attended.data, dtype, {1, of.heads, 1, of.head_width});
    for (int i = 0; i < of.layers; ++i) {
      weights_.push_back(
          {row_of_weights(of.width), weight(queries, of.width), weight(kept, of.width),
           weight(kept, of.width), weight(of.width, queries), row_of_weights(of.width),
           weight(of.inner, of.width), weight(of.inner, of.width), weight(of.width, of.inner),
           row_of_weights(of.head_width), row_of_weights(of.head_width), cache(), cache()});
    }
    bytes_ = 2.0 * static_cast<double>(of.width * (2 * queries + 2 * kept + 3 * of.inner) +
                                       2 * kept * context);
  }

  // Of a layer; negative: a kernel is not there, or does not take it.
  double in_six_steps(const std::string& attention) {
    for (const Weights& w : weights_) {
      const auto seen = [&](TensorView cache) {
        cache.extents[2] = context_;
        return cache;
      };
      std::vector<TensorView> appended = {between_.q, between_.k, between_.v, table_,
                                          table_,     w.keys,     w.values};
      if (of_.has_norms) appended.insert(appended.end(), {w.q_norm, w.k_norm});
      const bool is_there =
          bench_.enqueue("load_rows_cuda.norm_linears", {}, {x_, w.norm, w.q, w.k, w.v},
                         {between_.q, between_.k, between_.v}, 0b11110) &&
          bench_.enqueue("head_append_cuda", {{"start", Dim(context_ - 1)}}, appended,
                         {between_.turned, w.keys, w.values}, 0) &&
          bench_.enqueue(attention, {{"scale", scale()}, {"causal", true}},
                         {between_.turned, seen(w.keys), seen(w.values)}, {between_.attended}, 0) &&
          bench_.enqueue("load_rows_cuda.linear_residual", {}, {between_.joined, w.out, x_},
                         {between_.middle}, 2) &&
          bench_.enqueue("load_rows_cuda.norm_linears_gated", {},
                         {between_.middle, w.inner_norm, w.gate, w.up}, {between_.inner}, 0b1110) &&
          bench_.enqueue("load_rows_cuda.linear_residual", {},
                         {between_.inner, w.down, between_.middle}, {out_}, 2);
      if (!is_there) return -1;
    }
    return bench_.time() / of_.layers;
  }

  double in_one_launch(const char* kernel) {
    for (const Weights& w : weights_) {
      std::vector<TensorView> inputs = {x_,           w.norm, w.q,    w.k,      w.v,
                                        table_,       table_, w.keys, w.values, w.out,
                                        w.inner_norm, w.gate, w.up,   w.down};
      if (of_.has_norms) inputs.insert(inputs.end(), {w.q_norm, w.k_norm});
      if (!bench_.enqueue(kernel, {{"start", Dim(context_ - 1)}, {"scale", scale()}}, inputs,
                          {out_, w.keys, w.values}, 0b11111000011110)) {
        return -1;
      }
    }
    return bench_.time() / of_.layers;
  }

  void print(const std::string& how, double seconds) const {
    const std::string what = fmt::format("{}: a layer at {}", of_.name, context_);
    if (seconds < 0) {
      fmt::print("{:<40} {:<44} not taken\n", what, how);
      return;
    }
    bench::print(what, how, seconds, bytes_);
  }

 private:
  static constexpr Dtype dtype = Dtype::bf16;

  TensorView row(std::int64_t width) { return bench_.operand(dtype, {1, 1, width}); }
  TensorView row_of_weights(std::int64_t width) { return bench_.operand(dtype, {width}); }
  TensorView weight(std::int64_t columns, std::int64_t depth) {
    return bench_.operand(dtype, {columns, depth});
  }
  TensorView cache() {
    return bench_.operand(dtype, {1, of_.groups, context_ + 64, of_.head_width});
  }
  double scale() const { return 1 / std::sqrt(static_cast<double>(of_.head_width)); }

  const Model of_;
  const std::int64_t context_;
  bench::CapturedSteps bench_;
  TensorView x_, out_, table_;
  Between between_;
  std::vector<Weights> weights_;
  double bytes_ = 0;
};

int main_of() {
  if (const auto absence = kernels::cuda_absence()) {
    fmt::print(stderr, "bench_decoder_layer: {}\n", *absence);
    return 1;
  }
  const Model models[] = {{"qwen3-0.6b", 28, 1024, 16, 8, 128, 3072, true},
                          {"7b", 8, 4096, 32, 8, 128, 14336, false}};
  for (const char* kernel : {"decoder_layer_cuda.behind", "decoder_layer_cuda.early"}) {
    for (const Model& model : models) {
      for (const std::int64_t context : {1024, 4096}) {
        Layers layers(model, context);
        for (int turn = 0; turn < 2; ++turn) {
          layers.print(kernel, layers.in_one_launch(kernel));
          for (const char* member : {"eight", "alone"}) {
            const std::string attention = fmt::format("attention_ring_cuda.{}", member);
            layers.print("six steps, " + attention, layers.in_six_steps(attention));
          }
        }
      }
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
    fmt::print(stderr, "bench_decoder_layer: {}\n", error.what());
    return 1;
  }
}
