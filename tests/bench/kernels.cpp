// The rivals of given workloads against each other: medians of interleaved blocks, GFLOP/s, GB/s.
//
//   bench_kernels --threads 2 'linear(f32[256,512], f32[512,512]) -> f32[256,512]'

#include <fmt/core.h>
#include <tbb/task_arena.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/graph/workload.h"
#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "worker/measure/domains.h"
#include "worker/measure/interleave.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

// Pieces of a transformer block of width 512 on 256 tokens, and of one token's decoding.
const std::vector<std::string> default_workloads = {
    "linear(f32[256,512], f32[1536,512], f32[1536]) -> f32[256,1536]",
    "linear(f32[1,512], f32[2048,512]) -> f32[1,2048]",
    "linear(bf16[1,2048], bf16[2048,2048]) -> bf16[1,2048]",
    "linear(bf16[256,512], bf16[1536,512], bf16[1536]) -> bf16[256,1536]",
    "linear(f16[256,512], f16[1536,512], f16[1536]) -> f16[256,1536]",
    "linear_activation(f32[256,512], f32[1536,512], f32[1536], activation=\"gelu\")"
    " -> f32[256,1536]",
    "linear_residual(f32[256,512], f32[512,512], f32[256,512]) -> f32[256,512]",
    "add_rms_norm(f32[256,512], f32[256,512], f32[512]) -> f32[256,512], f32[256,512]",
    "matmul(f32[8,256,64], f32[8,64,256]) -> f32[8,256,256]",
    "attention(f32[1,8,256,64], f32[1,8,256,64], f32[1,8,256,64], scale=0.125, causal=true)"
    " -> f32[1,8,256,64]",
    "attention(f32[1,8,1,64], f32[1,8,1024,64], f32[1,8,1024,64], scale=0.125) -> f32[1,8,1,64]",
    "softmax(f32[8,256,256]) -> f32[8,256,256]",
    "rms_norm(f32[256,512], f32[512]) -> f32[256,512]",
    "layer_norm(f32[256,512], f32[512], f32[512]) -> f32[256,512]",
    "gelu(f32[256,2048]) -> f32[256,2048]",
    "gelu(f32[256,2048], approximate=\"tanh\") -> f32[256,2048]",
    "gated_activation(f32[256,1376], f32[256,1376]) -> f32[256,1376]",
    "rope(f32[1,8,256,64], f32[256,32], f32[256,32]) -> f32[1,8,256,64]",
    "add(f32[256,512], f32[256,512]) -> f32[256,512]",
};

std::vector<TensorType> types_of(const std::vector<OperandType>& operands) {
  std::vector<TensorType> types;
  for (const OperandType& operand : operands) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return types;
}

// One kernel with its operands, ready to run.
class Prepared {
 public:
  Prepared(const Kernel& kernel, const Workload& workload, const std::vector<Tensor>& inputs,
           int threads)
      : kernel_(kernel), arena_(threads) {
    for (const Tensor& input : inputs) inputs_.push_back(input.view());
    for (const OperandType& output : workload.outputs) {
      outputs_.emplace_back(output.dtype, output.extents);
      output_views_.push_back(outputs_.back().view());
    }
    const Resources resources{.threads = threads};
    const std::vector<TensorType> types = types_of(workload.inputs);
    if (kernel.workspace_bytes) {
      const Dim bytes = kernel.workspace_bytes({types, workload.attributes}, resources);
      workspace_ = Tensor(Dtype::u8, {bytes.evaluate({})});
    }
    if (kernel.prepare) state_ = kernel.prepare(workload.attributes, resources);
    call_ = {inputs_, output_views_, workspace_.data(), state_.get(), threads};
    if (kernel.bind != nullptr) arena_.execute([&] { kernel_.bind(call_); });
  }

  void run() {
    arena_.execute([&] { kernel_.run(call_); });
  }

 private:
  const Kernel& kernel_;
  tbb::task_arena arena_;
  std::vector<TensorView> inputs_, output_views_;
  std::vector<Tensor> outputs_;
  Tensor workspace_;
  std::unique_ptr<paceline::Prepared> state_;
  Call call_;
};

void race(const std::string& text, int threads, int blocks) {
  const OpSet& ops = ops::all_ops();
  const Workload workload = parse_workload(text, ops);
  const Op& op = ops.get(workload.op);
  Random random(20261121);
  std::vector<Tensor> inputs;
  for (const Sample::Operand& operand : operands_with_domains(op, workload)) {
    inputs.push_back(ops::draw(operand, random));
  }
  std::vector<Contestant> contestants;
  for (const Kernel* kernel : kernels::kernels_of(workload.op)) {
    if (refusal(kernel->info, workload)) continue;
    auto prepared = std::make_shared<Prepared>(*kernel, workload, inputs, threads);
    contestants.push_back({kernel->info.name, [prepared] { prepared->run(); }});
  }
  const auto samples = interleave(contestants, blocks, 5, 1);
  fmt::print("{}\n", workload.to_text());
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    const double seconds = summary_of(samples[i]).median_s;
    fmt::print("  {:<32} {:>10.1f} us {:>8.1f} GFLOP/s {:>8.1f} GB/s\n", contestants[i].name,
               1e6 * seconds, 1e-9 * flops_of(op, workload) / seconds,
               1e-9 * bytes_of(op, workload) / seconds);
  }
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Rival kernels, interleaved."};
  std::vector<std::string> workloads = paceline::default_workloads;
  int threads = 1;
  int blocks = 15;
  app.add_option("workloads", workloads, "Workloads as text");
  app.add_option("--threads", threads, "Threads");
  app.add_option("--blocks", blocks, "Interleaved blocks");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& workload : workloads) paceline::race(workload, threads, blocks);
}
