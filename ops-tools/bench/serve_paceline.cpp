#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "ops-tools/bench/children.h"
#include "ops-tools/bench/protocol.h"
#include "ops-tools/bench/task.h"
#include "ops-tools/model_inputs.h"
#include "ops-tools/version.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/planner.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline::bench {
namespace {

double seconds_between(std::int64_t from_ns, std::int64_t to_ns) {
  return 1e-9 * static_cast<double>(to_ns - from_ns);
}

// "0.1.0" of "paceline 0.1.0".
std::string number_of(const std::string& version) { return version.substr(version.rfind(' ') + 1); }

// So that pages of a mapped file do not come in while memory is watched.
void touch(const TensorMap& weights) {
  constexpr std::size_t page_bytes = 4096;
  volatile unsigned char sink = 0;
  for (const auto& [name, tensor] : weights) {
    const auto* bytes = tensor.as<const unsigned char>();
    for (std::size_t i = 0; i < tensor.size_bytes(); i += page_bytes) sink = bytes[i];
  }
  static_cast<void>(sink);
}

// What both forms share: a model, chosen kernels, and what to say of them.
class OwnRun {
 public:
  OwnRun(const ModelRequest& request, const Task& task)
      : request_(request),
        task_(task),
        options_(request.dispatch_options()),
        model_(request.load(task.generates ? ModelForm::generate : ModelForm::forward)),
        store_(request.store.open()) {}

  void touch_weights() const { touch(model_.weights); }

  nlohmann::json ready(const MemoryRise& rise) const {
    nlohmann::json said = {{"version", number_of(version())},
                           {"settings", settings()},
                           {"activation_bytes", nullptr},
                           {"planned_bytes", planned_bytes_}};
    if (const auto bytes = rise.peak_bytes()) said["activation_bytes"] = *bytes;
    return said;
  }

 protected:
  Session session(const Bindings& bindings, Session::Options options) {
    GraphDispatcher dispatcher(ops::all_ops(), request_.kernels(), store_.get(), options_);
    const auto cache = request_.open_plan_cache();
    const Graph graph =
        task_.generates ? form_for(model_.graph, ops::all_ops(), bindings) : model_.graph;
    Planned planned = paceline::plan(graph, bindings, dispatcher, ops::all_ops(),
                                     request_.kernels(), store_.get(), cache ? &*cache : nullptr);
    basis_ = to_string(planned.summary.basis);
    measured_ += planned.summary.measured;
    estimated_ += planned.summary.estimated;
    planned_bytes_ = std::max(planned_bytes_, memory_need(planned.plan, bindings).arena_bytes);
    options.threads = options_.threads;
    return Session(std::move(planned.plan), ops::all_ops(), request_.kernels(), model_.weights,
                   std::move(options));
  }

  std::string settings() const {
    return fmt::format("tolerance {:g}, path {}, {} of {} kernels measured", request_.tolerance,
                       basis_, measured_, measured_ + estimated_);
  }

  const ModelRequest& request_;
  const Task& task_;
  GraphDispatcher::Options options_;
  Model model_;
  std::unique_ptr<Store> store_;
  std::string basis_;
  int measured_ = 0;
  int estimated_ = 0;
  std::int64_t planned_bytes_ = 0;
};

class OwnPass : public OwnRun {
 public:
  OwnPass(const ModelRequest& request, const Task& task)
      : OwnRun(request, task),
        inputs_(read_inputs(model_.graph, task.inputs, request.bound())),
        session_(session(inputs_.bindings, {})) {}

  void feed() {
    session_.bind(inputs_.bindings);
    for (const auto& [name, tensor] : inputs_.tensors) session_.set_input(name, tensor);
  }
  void run_first() { session_.run(); }
  void write_outputs() const {
    TensorMap outputs;
    for (const NamedOutput& output : model_.graph.outputs()) {
      outputs.emplace(output.name, dense_copy(session_.output(output.name)));
    }
    write_safetensors(task_.outputs, outputs);
  }
  Calls run(int count) {
    return {{"run", time_calls([&] { session_.run(); }, count)}};
  }

 private:
  ModelInputs inputs_;
  Session session_;
};

// "prefill" is the time to the first token behind a long prompt, "decode" of each further token
// behind a short one.
class OwnGeneration : public OwnRun {
 public:
  OwnGeneration(const ModelRequest& request, const Task& task)
      : OwnRun(request, task),
        states_(std::make_shared<States>()),
        prepared_(std::make_shared<PreparedTensors>()),
        prompt_session_(session(task.prompt, 0)),
        token_session_(session(1, decode_prompt)),
        // No token ends it, so that every runtime decodes as many.
        generator_(prompt_session_, token_session_, {model_.vocabulary, {}, model_.positions_max}) {
  }

  Calls call() { return {{"prefill", {prefill()}}, {"decode", {decode()}}}; }

  Calls run(int count) {
    Calls calls;
    for (int i = -1; i < count; ++i) {
      for (const auto& [phase, seconds] : call()) {
        if (i >= 0) calls[phase].push_back(seconds.front());
      }
    }
    return calls;
  }
  const std::vector<std::int64_t>& tokens() const { return tokens_; }

 private:
  Session session(std::int64_t count, std::int64_t past) {
    const std::int64_t capacity = std::max(task_.prompt, decode_prompt + task_.decoded) + 1;
    const Bindings bindings = {{"B", 1}, {"N", count}, {"past", past}, {"capacity", capacity}};
    return OwnRun::session(bindings, {.states = states_, .prepared = prepared_});
  }

  std::vector<std::int64_t> prompt(std::int64_t length) const {
    std::vector<std::int64_t> tokens(length);
    for (std::int64_t i = 0; i < length; ++i) tokens[i] = prompt_token(i, model_.vocabulary);
    return tokens;
  }

  double prefill() {
    const std::int64_t start_ns = monotonic_ns();
    generator_.generate(prompt(task_.prompt), {.new_tokens_max = 1});
    return seconds_between(start_ns, monotonic_ns());
  }

  double decode() {
    std::vector<std::int64_t> arrivals_ns;
    const auto generated = generator_.generate(
        prompt(decode_prompt), {.new_tokens_max = task_.decoded + 1, .on_token = [&](std::int64_t) {
                                  arrivals_ns.push_back(monotonic_ns());
                                }});
    tokens_ = generated.tokens;
    return seconds_between(arrivals_ns.front(), arrivals_ns.back()) /
           static_cast<double>(arrivals_ns.size() - 1);
  }

  std::shared_ptr<States> states_;
  std::shared_ptr<PreparedTensors> prepared_;
  Session prompt_session_;
  Session token_session_;
  Generator generator_;
  std::vector<std::int64_t> tokens_;
};

}  // namespace

void serve_paceline(const ModelRequest& model, const nlohmann::json& request) {
  const Server server;
  try {
    const Task task = read_task(request);
    if (task.generates) {
      OwnGeneration own(model, task);
      own.touch_weights();
      const MemoryRise rise;
      own.call();
      nlohmann::json ready = own.ready(rise);
      ready["tokens"] = own.tokens();
      server.say(ready);
      return server.serve([&](int count) { return own.run(count); });
    }
    OwnPass own(model, task);
    own.touch_weights();
    own.feed();  // Peers hold their inputs, too, when memory begins to be watched.
    const MemoryRise rise;
    own.run_first();
    nlohmann::json ready = own.ready(rise);
    own.write_outputs();
    ready["outputs"] = task.outputs.string();
    server.say(ready);
    server.serve([&](int count) { return own.run(count); });
  } catch (const Error& error) {
    server.say({{"error", error.what()}});
  }
}

}  // namespace paceline::bench
