// Loading and decoding of a model in the shape of Qwen3-0.6B, with random weights that are written
// on the first run, or of a GGUF file: resident memory at each step, and tokens a second. On a GPU
// also what a token reads, as a share of the rate at which that GPU copies.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "common/base/time.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "tests/support/random_model.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

struct Arguments {
  std::filesystem::path folder = "qwen3-0.6b-random";
  std::filesystem::path gguf = {};
  double tolerance = 1e-4;
  std::string store = "none";
  bool takes_unmeasured = false;
  bool searches = false;
  int threads = 1;
  std::string device = "cpu";
  std::int64_t prompt = 64;
  std::int64_t new_tokens = 16;
  int rounds = 5;
  int profile = 0;
};

// "VmRSS", "RssAnon" or "RssFile" of this process, in MiB.
double resident_mib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == key + ":") {
      status >> word;
      return std::stod(word) / 1024;
    }
  }
  return 0;
}

void print_memory(const char* when) {
  fmt::print("{:<28} resident {:8.1f} MiB: own {:8.1f}, mapped from files {:8.1f}\n", when,
             resident_mib("VmRSS"), resident_mib("RssAnon"), resident_mib("RssFile"));
}

class Bench {
 public:
  explicit Bench(const Arguments& arguments)
      : arguments_(arguments),
        devices_(DeviceSet::parse(arguments.device)),
        kernels_(kernels::kernels_on(devices_)) {
    if (arguments.store != "none") store_ = open_store(arguments.store);
  }

  void run() {
    print_memory("start");
    const std::int64_t start_ns = monotonic_ns();
    Model model = load_model(arguments_.gguf.empty() ? arguments_.folder : arguments_.gguf,
                             {.form = ModelForm::generate});
    if (devices_.cuda) model.graph = greedy_form(model.graph, ops::all_ops());
    fmt::print("loaded in {:.1f} ms\n", 1e-6 * static_cast<double>(monotonic_ns() - start_ns));
    print_memory("loaded");
    const auto states = std::make_shared<States>();
    Session prompt = session(model, states, arguments_.prompt, 0);
    Session token = session(model, states, 1, arguments_.prompt);
    fmt::print("ready in {:.1f} ms\n", 1e-6 * static_cast<double>(monotonic_ns() - start_ns));
    print_memory("compiled");
    const double token_s = generate(prompt, token, model);
    print_memory("after generating");
    if (devices_.cuda && token_s > 0) print_share(model.graph, token_s);
    if (arguments_.profile > 0) {
      print_profile("prompt", prompt);
      print_profile("token", token);
    }
  }

 private:
  Session session(const Model& model, std::shared_ptr<States> states, std::int64_t count,
                  std::int64_t past) {
    const Bindings bindings = {{"B", 1},
                               {"N", count},
                               {"past", past},
                               {"capacity", arguments_.prompt + arguments_.new_tokens}};
    GraphDispatcher dispatcher(ops::all_ops(), kernels_, store_.get(),
                               {.choose = {.tolerance = arguments_.tolerance,
                                           .takes_unmeasured = arguments_.takes_unmeasured},
                                .threads = arguments_.threads,
                                .regime = devices_.cuda ? Regime::cold : Regime::hot});
    const Graph graph =
        prepare(form_for(model.graph, ops::all_ops(), bindings), ops::all_ops(), kernels_);
    const Decision decision = arguments_.searches ? dispatcher.dispatch(graph, bindings).decision
                                                  : dispatcher.decide(graph, bindings);
    Plan plan =
        compile(decision.path, ops::all_ops(), kernels_, bindings, {.threads = arguments_.threads});
    return Session(std::move(plan), ops::all_ops(), kernels_, model.weights,
                   {.threads = arguments_.threads, .states = std::move(states)});
  }

  // Returns the median seconds of a token.
  double generate(Session& prompt_session, Session& token_session, const Model& model) const {
    Generator generator(prompt_session, token_session, {model.vocabulary, {}, model.positions_max});
    std::vector<std::int64_t> prompt(static_cast<std::size_t>(arguments_.prompt));
    std::iota(prompt.begin(), prompt.end(), std::int64_t{1});
    std::vector<std::int64_t> arrivals_ns;
    GenerateOptions options{
        .new_tokens_max = arguments_.new_tokens, .sampling = {}, .on_token = [&](std::int64_t) {
          arrivals_ns.push_back(monotonic_ns());
        }};
    generator.generate(prompt, options);  // Touches the weights once, and captures what it can.
    std::vector<double> prompts_ms, tokens_ms;
    for (int round = 0; round < arguments_.rounds; ++round) {
      arrivals_ns.assign(1, monotonic_ns());
      generator.generate(prompt, options);
      std::vector<double> steps_ms;
      for (std::size_t i = 1; i < arrivals_ns.size(); ++i) {
        steps_ms.push_back(1e-6 * static_cast<double>(arrivals_ns[i] - arrivals_ns[i - 1]));
      }
      prompts_ms.push_back(steps_ms.front());
      tokens_ms.insert(tokens_ms.end(), steps_ms.begin() + 1, steps_ms.end());
    }
    fmt::print("threads {}\n", arguments_.threads);
    print_times(fmt::format("prompt of {} tokens", arguments_.prompt), prompts_ms,
                static_cast<double>(arguments_.prompt));
    return 1e-3 * print_times(fmt::format("token {} to {}", arguments_.prompt + 1,
                                          arguments_.prompt + arguments_.new_tokens - 1),
                              tokens_ms, 1);
  }

  // Of one token in the middle of what is generated: weights but tables of which it takes a row,
  // and what is kept of the tokens before it.
  std::int64_t bytes_read(const Graph& graph) const {
    const std::int64_t past = arguments_.prompt + arguments_.new_tokens / 2;
    const std::int64_t capacity = arguments_.prompt + arguments_.new_tokens;
    const Bindings bindings = {{"B", 1}, {"N", 1}, {"past", past}, {"capacity", capacity}};
    std::set<std::int32_t> read;
    for (const Node& node : graph.nodes()) {
      if (node.op == "embedding" || node.op == "gather") continue;
      for (const ValueRef& input : node.inputs) read.insert(input.node);
    }
    std::int64_t bytes = 0;
    for (const std::int32_t index : read) {
      const Node& node = graph.node(index);
      if (node.kind != NodeKind::weight && node.kind != NodeKind::state) continue;
      const TensorType& type = node.outputs[0];
      const auto size = static_cast<std::int64_t>(size_bytes(type.dtype)) *
                        element_count(evaluate(type.shape, bindings));
      bytes += node.kind == NodeKind::state ? size / capacity * (past + 1) : size;
    }
    return bytes;
  }

  void print_share(const Graph& graph, double token_s) const {
    const double rate = static_cast<double>(bytes_read(graph)) / token_s;
    const double copied =
        kernels::device_runtime()->measure_peaks(devices_.cuda.value()).bytes_per_s;
    fmt::print("a token reads {:.2f} GB: {:.0f} GB/s, {:.1f} % of a copy's {:.0f} GB/s\n",
               1e-9 * rate * token_s, 1e-9 * rate, 100 * rate / copied, 1e-9 * copied);
  }

  // Returns the median.
  static double print_times(const std::string& what, std::vector<double> ms, double tokens) {
    if (ms.empty()) return 0;
    std::ranges::sort(ms);
    const double median = ms[ms.size() / 2];
    fmt::print("{:<24} {:9.3f} ms [{:.3f}, {:.3f}] {:9.2f} tokens/s\n", what, median, ms.front(),
               ms.back(), 1e3 * tokens / median);
    return median;
  }

  // A step's kernel and the types of its results.
  static std::string name_of(const Plan& plan, std::size_t index) {
    const Plan::Instruction& step = plan.instructions[index];
    std::string name = step.kernel;
    for (const std::int32_t output : step.outputs) {
      name += " " + plan.tensors[output].type.to_string();
    }
    return name;
  }

  // What the steps of one run take, summed over those of one name.
  void print_profile(const char* what, Session& session) const {
    const std::vector<double> seconds = session.profile(arguments_.profile);
    struct Sum {
      int count = 0;
      double seconds = 0;
    };
    std::map<std::string, Sum> sums;
    double total = 0;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      Sum& sum = sums[name_of(session.plan(), i)];
      ++sum.count;
      sum.seconds += seconds[i];
      total += seconds[i];
    }
    std::vector<std::pair<std::string, Sum>> sorted(sums.begin(), sums.end());
    std::ranges::sort(sorted, std::greater(), [](const auto& one) { return one.second.seconds; });
    fmt::print("{}: {} steps, {:.2f} ms\n", what, seconds.size(), 1e3 * total);
    for (const auto& [name, sum] : sorted) {
      fmt::print("{:8.3f} ms {:4.1f}% {:4} x {:8.1f} us  {}\n", 1e3 * sum.seconds,
                 100 * sum.seconds / total, sum.count, 1e6 * sum.seconds / sum.count, name);
    }
    if (!devices_.cuda || devices_.cpu) return;
    const double whole = session.time_captured([](std::int32_t) { return true; }, captured_runs);
    fmt::print("{} as one graph: {:.3f} ms; without the steps of one kind it takes less by\n", what,
               1e3 * whole);
    for (const auto& [name, sum] : sorted) {
      const auto is_other = [&](std::int32_t step) {
        return name_of(session.plan(), static_cast<std::size_t>(step)) != name;
      };
      const double saved = whole - session.time_captured(is_other, captured_runs);
      fmt::print("{:8.3f} ms {:4.1f}% {:4} x {:8.1f} us  {}\n", 1e3 * saved, 100 * saved / whole,
                 sum.count, 1e6 * saved / sum.count, name);
    }
  }

  static constexpr int captured_runs = 15;

  Arguments arguments_;
  DeviceSet devices_;
  const std::vector<Kernel>& kernels_;
  std::unique_ptr<Store> store_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"A Qwen3-0.6B-shaped model: memory while loading, tokens a second."};
  paceline::Arguments arguments;
  app.add_option("--folder", arguments.folder, "Where the model is, or is written to");
  app.add_option("--gguf", arguments.gguf, "A GGUF file in place of the folder");
  app.add_option("--tolerance", arguments.tolerance, "Largest relative error of a kernel");
  app.add_flag("--search", arguments.searches,
               "Plans as `generate` chooses them: races, then searched programs");
  app.add_flag("--takes-unmeasured", arguments.takes_unmeasured,
               "Also kernels of fewer bits that nobody has measured");
  app.add_option("--store", arguments.store, "Store to choose by, or none");
  app.add_option("--threads", arguments.threads, "Threads");
  app.add_option("--device", arguments.device, "cpu, cuda:K or auto");
  app.add_option("--prompt", arguments.prompt, "Prompt tokens");
  app.add_option("--new", arguments.new_tokens, "New tokens")->check(CLI::Range(1, 1000000));
  app.add_option("--rounds", arguments.rounds, "Sequences that are timed")
      ->check(CLI::Range(1, 1000));
  app.add_option("--profile", arguments.profile, "Runs of which the steps' medians are shown");
  CLI11_PARSE(app, argc, argv);
  if (arguments.gguf.empty()) paceline::test::write_random_qwen3(arguments.folder, {}, 1);
  paceline::Bench(arguments).run();
}
