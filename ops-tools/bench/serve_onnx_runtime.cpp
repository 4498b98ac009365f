#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "ops-tools/bench/children.h"
#include "ops-tools/bench/onnx_runtime.h"
#include "ops-tools/bench/protocol.h"
#include "ops-tools/bench/task.h"

namespace paceline::bench {
namespace {

OnnxRuntime::Optimisation parse_level(const std::string& name) {
  if (name == "basic") return OnnxRuntime::Optimisation::basic;
  if (name == "extended") return OnnxRuntime::Optimisation::extended;
  if (name == "all") return OnnxRuntime::Optimisation::all;
  throw invalid("unknown optimisation level: {}", name);
}

}  // namespace

void serve_onnx_runtime(const nlohmann::json& request) {
  const Server server;
  try {
    const Task task = read_task(request);
    const std::string level = request.at("optimisation");
    const TensorMap inputs = read_safetensors(task.inputs).tensors;
    OnnxRuntime runtime(request.at("library").get<std::string>());
    runtime.load(task.model, task.threads, parse_level(level));
    runtime.feed(inputs);
    const MemoryRise rise;
    runtime.run();
    const auto activation_bytes = rise.peak_bytes();
    write_safetensors(task.outputs, runtime.outputs());
    nlohmann::json ready = {
        {"version", runtime.version()},
        {"settings", "graph optimisation " + level + ", " + task.model.filename().string()},
        {"outputs", task.outputs.string()},
        {"activation_bytes", nullptr}};
    if (activation_bytes) ready["activation_bytes"] = *activation_bytes;
    server.say(ready);
    server.serve([&](int count) -> Calls {
      return {{"run", time_calls([&] { runtime.run(); }, count)}};
    });
  } catch (const Error& error) {
    server.say({{"error", error.what()}});
  }
}

}  // namespace paceline::bench
