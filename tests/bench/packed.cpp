// Products with packed weights against the libraries' on the weight as it stands, and against a
// loop of multiply-adds on each thread: medians of interleaved blocks.
//
//   bench_packed --threads 2 128x768x768 1x2048x2048

#include <fmt/core.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/graph/workload.h"
#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "worker/measure/interleave.h"
#include "worker/probe/peak_loops.h"

namespace paceline {
namespace {

struct Problem {
  std::int64_t m = 0, n = 0, k = 0;
};

Problem parse_problem(const std::string& text) {
  Problem p;
  const int read = std::sscanf(text.c_str(), "%ldx%ldx%ld", &p.m, &p.n, &p.k);
  if (read == 3 && p.m > 0 && p.n > 0 && p.k > 0) return p;
  throw invalid("a product is ROWSxCOLUMNSxINNER, as 128x768x768: \"{}\"", text);
}

// One kernel with its operands, ready to run.
class Prepared {
 public:
  Prepared(const Kernel& kernel, Attributes attributes, std::vector<Tensor> inputs,
           const Extents& out, int threads)
      : kernel_(kernel), inputs_(std::move(inputs)), out_(Dtype::f32, out), arena_(threads) {
    const Op& op = ops::all_ops().get(kernel.info.op);
    attributes = attributes.complete(op.name, op.attributes);
    std::vector<TensorType> types;
    for (const Tensor& input : inputs_) {
      views_.push_back(input.view());
      types.push_back({input.dtype(), Shape(input.extents().begin(), input.extents().end())});
    }
    out_views_ = {out_.view()};
    const Resources resources{.threads = threads};
    if (kernel.workspace_bytes) {
      workspace_ =
          Tensor(Dtype::u8, {kernel.workspace_bytes({types, attributes}, resources).evaluate({})});
    }
    if (kernel.prepare) state_ = kernel.prepare(attributes, resources);
    call_ = {views_, out_views_, workspace_.data(), state_.get(), threads};
    if (kernel.bind != nullptr) arena_.execute([&] { kernel_.bind(call_); });
  }

  void run() {
    arena_.execute([&] { kernel_.run(call_); });
  }

 private:
  const Kernel& kernel_;
  std::vector<Tensor> inputs_;
  Tensor out_, workspace_;
  tbb::task_arena arena_;
  std::vector<TensorView> views_, out_views_;
  std::unique_ptr<paceline::Prepared> state_;
  Call call_;
};

Tensor packed(const Tensor& weight) {
  const Op& op = ops::all_ops().get("pack_weight");
  const std::int64_t depth = weight.dtype() == Dtype::f32 ? 1 : 2, tile = 32;
  const Attributes attributes =
      Attributes{{"tile", tile}, {"depth", depth}}.complete(op.name, op.attributes);
  const Kernel& kernel = *kernels::find_kernel("pack_weight_plain");
  const auto state = kernel.prepare(attributes, {});
  const std::int64_t n = weight.extents()[0], k = weight.extents()[1];
  const Tensor out(weight.dtype(), {(n + tile - 1) / tile, (k + depth - 1) / depth, tile, depth});
  const std::vector<TensorView> inputs = {weight.view()}, outputs = {out.view()};
  kernel.run({.inputs = inputs, .outputs = outputs, .prepared = state.get()});
  return out;
}

std::vector<Contestant> contestants_of(const Problem& p, int threads) {
  Random random(20261121);
  const Tensor x = ops::draw({Dtype::f32, {p.m, p.k}}, random);
  const Tensor weight = ops::draw({Dtype::f32, {p.n, p.k}}, random);
  std::vector<Contestant> contestants;
  const auto add = [&](const Kernel& kernel, const Attributes& attributes, const Tensor& factor) {
    auto prepared = std::make_shared<Prepared>(kernel, attributes, std::vector<Tensor>{x, factor},
                                               Extents{p.m, p.n}, threads);
    contestants.push_back({kernel.info.name, [prepared] { prepared->run(); }});
  };
  for (const Kernel* kernel : kernels::kernels_of("linear")) {
    const Sample sample{{{Dtype::f32, {p.m, p.k}}, {Dtype::f32, {p.n, p.k}}}};
    const Workload workload = workload_of(ops::all_ops().get("linear"), sample);
    if (!kernel->info.is_plain && !refusal(kernel->info, workload)) add(*kernel, {}, weight);
  }
  for (const Kernel* kernel : kernels::kernels_of("linear_packed")) {
    if (kernel->info.is_plain) continue;
    const Dtype dtype = std::get<Dtype>(*kernel->info.accepts.attributes.find("weight_dtype"));
    add(*kernel, {{"columns", p.n}, {"weight_dtype", dtype}}, packed(weight.cast(dtype)));
  }
  return contestants;
}

void race(const Problem& p, int threads, int blocks) {
  const double flops =
      2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  std::vector<Contestant> contestants = contestants_of(p, threads);
  constexpr std::int64_t additions = 200'000;
  tbb::task_arena arena(threads);
  contestants.push_back({"multiply-adds", [&] {
                           arena.execute([&] {
                             tbb::parallel_for(0, threads, [](int) {
                               volatile double sum = probe::run_multiply_adds(additions);
                               static_cast<void>(sum);
                             });
                           });
                         }});
  const auto samples = interleave(contestants, blocks, 5, 1);
  const double peak =
      probe::flops_of_multiply_adds(additions) * threads / summary_of(samples.back()).median_s;
  fmt::print("{}x{}x{}, {:.0f} GFLOP/s of multiply-adds\n", p.m, p.n, p.k, 1e-9 * peak);
  for (std::size_t i = 0; i + 1 < contestants.size(); ++i) {
    const double seconds = summary_of(samples[i]).median_s;
    fmt::print("  {:<34} {:>10.1f} us {:>8.1f} GFLOP/s {:>6.3f}\n", contestants[i].name,
               1e6 * seconds, 1e-9 * flops / seconds, flops / seconds / peak);
  }
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Products with packed weights and their rivals."};
  std::vector<std::string> problems = {"1x512x512",   "1x2048x2048",  "17x512x512",
                                       "128x768x768", "128x3072x768", "512x768x3072"};
  int threads = 1, blocks = 15;
  app.add_option("products", problems, "ROWSxCOLUMNSxINNER");
  app.add_option("--threads", threads, "Of each kernel")->check(CLI::PositiveNumber);
  app.add_option("--blocks", blocks, "Interleaved blocks")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    for (const std::string& problem : problems) {
      paceline::race(paceline::parse_problem(problem), threads, blocks);
    }
  } catch (const paceline::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
