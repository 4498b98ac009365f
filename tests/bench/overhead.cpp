// Nanoseconds per instruction that the run loop itself costs: a chain of additions of one element,
// whose own work is a few nanoseconds.

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/choose/choose.h"
#include "worker/measure/interleave.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

Graph chain_of_additions(int length) {
  GraphBuilder builder(ops::all_ops(), "chain");
  const Value x = builder.input("x", {Dtype::f32, {1}});
  const Value one = builder.input("one", {Dtype::f32, {1}});
  Value sum = x;
  for (int i = 0; i < length; ++i) sum = sum + one;
  builder.output("y", sum);
  return builder.finish();
}

Session session_for(const Graph& graph) {
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr,
                             {.choose = {.plain_only = true}});
  const Decision decision = dispatcher.decide(graph, {});
  Plan plan = compile(decision.path, ops::all_ops(), kernels::all_kernels(), {}, {});
  return Session(std::move(plan), ops::all_ops(), kernels::all_kernels(), {}, {});
}

void run(int length, int blocks) {
  Session chain = session_for(chain_of_additions(length));
  chain.bind({});
  for (const char* name : {"x", "one"}) {
    chain.set_input(name, Tensor::of<float>({1}, {1.0F}));
  }
  constexpr int runs_per_call = 100;
  const auto samples = interleave({{"chain",
                                           [&] {
                                             for (int i = 0; i < runs_per_call; ++i) chain.run();
                                           }}},
                                         blocks, 3, 1);
  const Summary summary = summary_of(samples[0]);
  const double calls = 1e9 / (static_cast<double>(chain.instruction_count()) * runs_per_call);
  fmt::print("instructions {}, per instruction {:.1f} ns [{:.1f}, {:.1f}], kernel included\n",
             chain.instruction_count(), summary.median_s * calls, summary.low_s * calls,
             summary.high_s * calls);
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Overhead of the run loop per instruction."};
  int length = 1000;
  int blocks = 50;
  app.add_option("--instructions", length, "Length of the chain")->check(CLI::PositiveNumber);
  app.add_option("--blocks", blocks, "Samples")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  paceline::run(length, blocks);
}
