#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/stop_signal.h"
#include "common/ops/all_ops.h"
#include "ops-tools/bench/answers.h"
#include "ops-tools/bench/children.h"
#include "ops-tools/bench/limits.h"
#include "ops-tools/bench/peers.h"
#include "ops-tools/bench/race.h"
#include "ops-tools/bench/report.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/model_inputs.h"
#include "ops-tools/model_request.h"
#include "worker/probe/probe.h"
#include "worker/probe/roofline.h"

namespace paceline {
namespace {

using namespace bench;

// Sums in another order, and tanh or erf by other polynomials, differ by less than this.
constexpr double same_answer_max = 1e-3;
constexpr int exit_interrupted = 130;  // As a shell tells SIGINT.

struct BenchArguments {
  ModelRequest request;
  std::vector<std::string> against;
  std::string input;
  RaceOptions race;
  std::int64_t prompt = 512;
  std::int64_t decoded = 64;
  double answer_seconds_max = 600;
  std::string contestant;  // Of a child: its request.
};

// A folder of this run, removed at its end.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw unavailable("cannot make a folder: {}", name);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Children inherit the CPUs. Throws `invalid` when there are fewer than `threads`.
void pin_to_cpus(int threads) {
  const std::vector<int> cpus = probe_topology().cpus;
  if (static_cast<int>(cpus.size()) < threads) {
    throw invalid("--threads is more than the CPUs that this process may use ({}): {}", cpus.size(),
                  threads);
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < threads; ++i) CPU_SET(cpus[i], &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw unavailable("cannot pin to {} CPUs", threads);
  }
}

// What a contestant says of itself. Not all speak by the protocol.
std::string text_of(const nlohmann::json& said, const char* key) {
  const auto found = said.find(key);
  if (found == said.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// Words of a dying process may be of any bytes.
std::string dumped(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

class Bench {
 public:
  explicit Bench(const BenchArguments& arguments) : arguments_(arguments) {
    for (const std::string& name : arguments.against) {
      if (std::ranges::find(peer_names(), name) == peer_names().end()) {
        throw invalid("--against takes {}: {}", fmt::join(peer_names(), ", "), name);
      }
    }
    arguments.request.dispatch_options();  // Refuses bad values before anything starts.
    if (!arguments.request.fixed_inputs.empty()) {
      throw unsupported("peers cannot be given fixed inputs, leave --fix out: {}",
                        arguments.request.fixed_inputs.front());
    }
  }

  void execute() {
    const StopSignal stop;
    RaceOptions options = arguments_.race;
    options.is_stopped = [&stop] { return stop.count() > 0; };
    prepare_task();
    find_peers();
    pin_to_cpus(task_.threads);
    std::vector<Entrant> entrants = keep_quickest_forms(start(options), options, slower_);
    bench::race(entrants, options);
    if (options.is_stopped()) throw CLI::RuntimeError(exit_interrupted);
    report(entrants);
    fmt::print("{}", arguments_.request.json ? dumped(to_json(report_)) : to_text(report_));
    if (report_.rows.front().phases.empty()) {
      throw Error(ErrorKind::internal, "Paceline: " + report_.rows.front().failure);
    }
  }

 private:
  void prepare_task() {
    const ModelRequest& request = arguments_.request;
    task_.model = std::filesystem::absolute(request.model);
    task_.threads = request.threads;
    task_.prompt = arguments_.prompt;
    task_.decoded = arguments_.decoded;
    task_.generates = task_.model.extension() == ".gguf";
    report_.model = request.model;
    report_.threads = request.threads;
    report_.rounds = arguments_.race.rounds;
    if (task_.generates) {
      report_.tokens_per_prefill = task_.prompt;
      if (!arguments_.input.empty()) {
        throw invalid("prompts of .gguf files are made here, leave out --input: {}",
                      arguments_.input);
      }
      return;
    }
    const Model model = request.load(ModelForm::forward);
    ModelInputs inputs{.tensors = {}, .bindings = request.bound(), .skipped = {}};
    if (arguments_.input.empty()) {
      require_bound(model.graph, inputs.bindings);
      inputs.tensors = made_inputs(model.graph, inputs.bindings, model.vocabulary);
    } else {
      inputs = read_inputs(model.graph, arguments_.input, inputs.bindings);
    }
    task_.inputs = scratch_.path() / "inputs.safetensors";
    write_safetensors(task_.inputs, inputs.tensors);
    need_ = need_of(model.graph, ops::all_ops(), inputs.bindings);
  }

  void find_peers() {
    std::vector<std::string> names = arguments_.against;
    if (names.empty()) {
      std::ranges::copy_if(peer_names(), std::back_inserter(names),
                           [&](const std::string& name) { return reads(name, task_.model); });
    }
    for (const std::string& name : names) {
      task_.outputs = scratch_.path() / (name + ".safetensors");
      Peer peer = find_peer(name, task_, scratch_.path());
      if (peer.forms.empty()) {
        report_.missing.push_back(fmt::format("{} ({}): {}", name, peer.title, peer.missing));
      } else {
        peers_.push_back(std::move(peer));
      }
    }
    if (peers_.empty()) {
      throw unavailable("no runtime to compare with: {}",
                        report_.missing.empty()
                            ? "none reads " + task_.model.string()
                            : fmt::format("{}", fmt::join(report_.missing, "; ")));
    }
  }

  std::vector<Entrant> start(const RaceOptions& options) {
    nlohmann::json own = task_.to_json();
    own["kind"] = "paceline";
    own["outputs"] = (scratch_.path() / "paceline.safetensors").string();
    std::vector<Entrant> entrants;
    enter(entrants, own_launch("paceline", "", own, scratch_.path()), options.is_stopped);
    for (const Peer& peer : peers_) {
      for (const Launch& form : peer.forms) {
        if (!options.is_stopped()) enter(entrants, form, options.is_stopped);
      }
    }
    return entrants;
  }

  void enter(std::vector<Entrant>& entrants, const Launch& launch,
             const std::function<bool()>& is_stopped) {
    fmt::print(stderr, "starts {} {}\n", launch.peer, launch.form);
    entrants.push_back({.contestant = bench::Contestant(
                            launch, scratch_.path(), arguments_.answer_seconds_max, is_stopped)});
  }

  void report(const std::vector<Entrant>& entrants) {
    if (need_) {
      report_.roofline_s = roofline_seconds(*need_, calibrate(task_.threads),
                                            probe_topology().last_level_cache_bytes);
    }
    const Entrant& own = entrants.front();
    for (const Entrant& entrant : entrants) report_.rows.push_back(row_of(entrant, own));
  }

  Row row_of(const Entrant& entrant, const Entrant& own) const {
    const bench::Contestant& contestant = entrant.contestant;
    Row row{.peer = contestant.launch().peer, .title = title_of(contestant.launch().peer)};
    const nlohmann::json& ready = contestant.ready();
    if (ready.is_object()) {
      row.version = text_of(ready, "version");
      row.settings = text_of(ready, "settings");
      if (ready.contains("activation_bytes") && ready["activation_bytes"].is_number()) {
        row.activation_bytes = ready["activation_bytes"].get<std::int64_t>();
      }
      const nlohmann::json& ours = own.contestant.ready();
      if (&entrant != &own && ours.is_object()) {
        row.answer = compare_answers(ready, ours,
                                     std::max(same_answer_max, 2 * arguments_.request.tolerance));
      }
    }
    row.failure = contestant.failure();
    if (const auto found = slower_.find(row.peer); found != slower_.end()) {
      row.slower_forms = found->second;
    }
    for (const auto& [phase, rounds] : entrant.rounds) {
      const auto ours = own.rounds.find(phase);
      row.phases.emplace(
          phase,
          phase_of(rounds, &entrant == &own || ours == own.rounds.end() ? nullptr : &ours->second));
    }
    return row;
  }

  PhaseResult phase_of(const std::vector<double>& rounds, const std::vector<double>* own) const {
    PhaseResult result{.seconds = summary_of(rounds), .rounds = rounds};
    if (own != nullptr) result.ratio = ratio_of(rounds, *own);
    if (report_.roofline_s) {
      result.roofline_fraction = *report_.roofline_s / result.seconds.median_s;
    }
    return result;
  }

  std::string title_of(const std::string& name) const {
    for (const Peer& peer : peers_) {
      if (peer.name == name) return peer.title;
    }
    return "Paceline";
  }

  const BenchArguments& arguments_;
  Scratch scratch_;
  Task task_;
  std::optional<Need> need_;
  std::vector<Peer> peers_;
  std::map<std::string, std::vector<std::string>> slower_;
  Report report_;
};

void serve(const BenchArguments& arguments) {
  const auto request = nlohmann::json::parse(read_text_file(arguments.contestant));
  if (request.at("kind") == "ort") return serve_onnx_runtime(request);
  serve_paceline(arguments.request, request);
}

}  // namespace

void add_bench_command(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command =
      app.add_subcommand("bench", "Time a model against other runtimes, interleaved");
  arguments->request.add_to(*command);
  command
      ->add_option("--against", arguments->against,
                   "ort, torch, llama (default: all that read the file)")
      ->delimiter(',');
  command->add_option("--input", arguments->input,
                      "Inputs by name, a safetensors file (default: made, the same everywhere)");
  command
      ->add_option("--rounds", arguments->race.rounds, "Rounds, in each of which all have a turn")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--turn-seconds", arguments->race.turn_seconds, "Timed calls of a turn, about")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--prompt", arguments->prompt, "Tokens of prefill, for .gguf files")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--generate", arguments->decoded, "Tokens of decode, for .gguf files")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command
      ->add_option("--answer-seconds", arguments->answer_seconds_max,
                   "A runtime that says nothing for longer has failed")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  // How a contestant's process is told from the command itself.
  command->add_option("--contestant", arguments->contestant)->group("");
  command->callback([arguments] {
    if (!arguments->contestant.empty()) return serve(*arguments);
    Bench(*arguments).execute();
  });
}

}  // namespace paceline
