#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/model_request.h"
#include "ops-tools/start_report.h"
#include "worker/dispatch/first_plan.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/read_ahead.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"
#include "worker/probe/process.h"

namespace paceline {
namespace {

struct GenerateArguments {
  ModelRequest request;
  std::vector<std::string> tokens;
  GenerateOptions options;
};

std::vector<std::int64_t> parse_tokens(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> tokens;
  for (const std::string& text : texts) {
    std::int64_t token = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, token);
    if (code != std::errc{} || stop != end || token < 0) {
      throw invalid("--tokens takes numbers of at least 0 with commas between, as in 1,2,3: {}",
                    text);
    }
    tokens.push_back(token);
  }
  return tokens;
}

double seconds_since(std::int64_t start_ns) {
  return 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
}

class Generation {
 public:
  explicit Generation(const GenerateArguments& arguments)
      : arguments_(arguments),
        options_(arguments.request.dispatch_options()),
        prompt_(parse_tokens(arguments.tokens)),
        start_ns_(monotonic_ns()),
        model_(load(arguments)),
        model_s_(seconds_since(start_ns_)),
        store_(arguments.request.store.open()),
        states_(std::make_shared<States>()),
        prepared_(std::make_shared<PreparedTensors>()),
        packed_(arguments.request.open_packed_cache()) {}

  void execute() {
    if (prompt_.empty()) throw invalid("a prompt needs at least one token: give --tokens 1,2,3");
    const auto length = static_cast<std::int64_t>(prompt_.size());
    const std::int64_t further = std::max<std::int64_t>(arguments_.options.new_tokens_max - 1, 0);
    const std::int64_t plan_ns = monotonic_ns();
    Sessions prompt = sessions(length, 0, 1);
    Sessions token = sessions(1, length, length == 1 ? further + 1 : further);
    start_.model_s = model_s_;
    start_.plan_s = seconds_since(plan_ns);
    start_.is_plan_cached = prompt.is_plan_cached && token.is_plan_cached;
    // What is packed for the prompt serves tokens too, as a rule.
    if (length == 1) prompt.as_they_lie.reset();
    if (length > 1 && !prompt.as_they_lie) token.as_they_lie.reset();
    start_.is_first_as_they_lie = prompt.as_they_lie || token.as_they_lie;
    if (!start_.is_first_as_they_lie) stop_reading();
    Generator generator(&prompt.first(), &token.first(),
                        {model_.vocabulary, model_.end_tokens, model_.positions_max});
    GenerateOptions options = arguments_.options;
    std::vector<std::int64_t> arrivals_ns;
    if (packed_) packed_->hold();
    const std::int64_t start_ns = monotonic_ns();
    options.on_token = [&](std::int64_t new_token) {
      arrivals_ns.push_back(monotonic_ns());
      if (!arguments_.request.json) print_token(new_token, arrivals_ns.size() == 1);
      if (arrivals_ns.size() > 1) return;
      start_.first_run_s = 1e-9 * static_cast<double>(arrivals_ns.front() - start_ns);
      start_.first_result_s = process_age_s();
      start_.prepared = (length > 1 ? prompt : token).first().session().prepared();
      if (packed_) packed_->release();
      if (further > 0) pass_on(prompt, token);
    };
    const Generated generated = generator.generate(prompt_, options);
    report(generated, start_ns, arrivals_ns);
    std::fflush(stdout);
    stop_reading();
    if (packed_) pack_for_the_next(prompt, token);
  }

 private:
  static Model load(const GenerateArguments& arguments) {
    const ModelRequest& request = arguments.request;
    Model model = request.load(ModelForm::generate, arguments.options.sampling.temperature == 0);
    if (model.vocabulary == 0 || model.states.empty()) {
      throw unsupported("this model does not generate tokens: {}", request.model);
    }
    return model;
  }

  // For `count` tokens at a time.
  struct Sessions {
    Bindings bindings;
    bool is_plan_cached = false;
    VariantSession chosen;  // Its plans are the best.
    // In place of that, for as long as packing its weights would not pay.
    std::optional<VariantSession> as_they_lie = std::nullopt;

    VariantSession& first() { return as_they_lie ? *as_they_lie : chosen; }
  };

  // For `runs` runs of `count` tokens, the first behind `past` others.
  Sessions sessions(std::int64_t count, std::int64_t past, std::int64_t runs) {
    const std::int64_t capacity =
        static_cast<std::int64_t>(prompt_.size()) + arguments_.options.new_tokens_max;
    const Bindings bindings = {
        {"B", 1}, {"N", count}, {"past", past}, {"capacity", std::max(capacity, past + count)}};
    const std::span<const Kernel> kernels = arguments_.request.kernels();
    GraphDispatcher dispatcher(ops::all_ops(), kernels, store_.get(), options_);
    const auto cache = arguments_.request.open_plan_cache();
    const Graph graph = form_for(model_.graph, ops::all_ops(), bindings);
    PlannedVariants planned = plan_variants(graph, bindings, dispatcher, ops::all_ops(), kernels,
                                            store_.get(), cache ? &*cache : nullptr, [this] {
                                              if (!ahead_)
                                                ahead_ = read_ahead_of(model_.weights, true);
                                            });
    const std::size_t here = planned.variants.select(bindings);
    const PlanSummary& summary = planned.summaries[here];
    measured_ += summary.measured;
    estimated_ += summary.estimated;
    plans_ += static_cast<int>(planned.variants.all.size());
    std::optional<Plan> first;
    if (!planned.is_cached) {
      first = first_plan({.plan = planned.variants.all[here].plan, .summary = summary}, graph,
                         bindings, dispatcher, ops::all_ops(), kernels, runs);
    }
    Sessions all{bindings, planned.is_cached, open(std::move(planned.variants))};
    if (first) all.as_they_lie.emplace(open(one_plan(*std::move(first))));
    return all;
  }

  VariantSession open(PlanVariants variants) const {
    return VariantSession(
        std::move(variants), ops::all_ops(), arguments_.request.kernels(), model_.weights,
        {.threads = options_.threads, .states = states_, .prepared = prepared_, .packed = packed_});
  }

  void stop_reading() {
    if (!ahead_) return;
    ahead_ = nullptr;
    forget(model_.weights);
  }

  // There is one prompt: what it took beside what tokens take is let go of.
  void pass_on(Sessions& prompt, Sessions& token) {
    if (!token.as_they_lie) stop_reading();
    prompt.first().close_for(token.first(), token.bindings);
  }

  // What was not packed before tokens came, one after the other, so that weights are held once.
  void pack_for_the_next(Sessions& prompt, Sessions& token) const {
    if (!start_.is_first_as_they_lie) return;
    for (Sessions* sessions : {&token, &prompt}) {
      if (sessions == &prompt && prompt_.size() == 1) break;
      if (sessions->as_they_lie) sessions->as_they_lie->close();
      sessions->chosen.reserve(sessions->bindings);
      packed_->wait();
      sessions->chosen.close();
    }
  }

  static void print_token(std::int64_t token, bool is_first) {
    fmt::print("{}{}", is_first ? "" : ",", token);
    std::fflush(stdout);
  }

  void report(const Generated& generated, std::int64_t start_ns,
              const std::vector<std::int64_t>& arrivals_ns) const {
    const double prompt_s =
        arrivals_ns.empty() ? 0 : 1e-9 * static_cast<double>(arrivals_ns.front() - start_ns);
    const double rest_s =
        arrivals_ns.size() < 2
            ? 0
            : 1e-9 * static_cast<double>(arrivals_ns.back() - arrivals_ns.front());
    const double decode_rate =
        rest_s > 0 ? static_cast<double>(arrivals_ns.size() - 1) / rest_s : 0;
    if (!arguments_.request.json) {
      fmt::print("\n");
      fmt::print(
          stderr,
          "prompt {} tokens in {}; then {:.1f} tokens/s; kernels: {} measured, {} estimated\n",
          prompt_.size(), format_seconds(prompt_s), decode_rate, measured_, estimated_);
      return;
    }
    nlohmann::json memory = nlohmann::json::object();
    if (const auto peak = peak_resident_bytes()) memory["peak_resident_bytes"] = *peak;
    fmt::print("{}\n", nlohmann::json{{"model", arguments_.request.model},
                                      {"prompt", prompt_},
                                      {"tokens", generated.tokens},
                                      {"ended", generated.ended},
                                      {"prompt_s", prompt_s},
                                      {"tokens_per_s", decode_rate},
                                      {"measured", measured_},
                                      {"estimated", estimated_},
                                      {"plans", plans_},
                                      {"start", to_json(start_)},
                                      {"memory", memory}}
                           .dump(2));
  }

  const GenerateArguments& arguments_;
  GraphDispatcher::Options options_;
  std::vector<std::int64_t> prompt_;
  std::int64_t start_ns_;
  Model model_;
  double model_s_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<States> states_;
  std::shared_ptr<PreparedTensors> prepared_;
  std::shared_ptr<PackedCache> packed_;
  std::unique_ptr<ReadAhead> ahead_;
  int measured_ = 0;
  int estimated_ = 0;
  int plans_ = 0;      // Variants counted.
  StartReport start_;  // Until the first token; the weights it took are prepared within its run.
};

}  // namespace

void add_generate_command(CLI::App& app) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = app.add_subcommand("generate", "Continue a sequence of tokens");
  arguments->request.add_to(*command);
  SamplingOptions& sampling = arguments->options.sampling;
  command->add_option("--tokens", arguments->tokens, "The prompt, as in 1,2,3")
      ->required()
      ->delimiter(',');
  command->add_option("--max-new", arguments->options.new_tokens_max, "Tokens to generate at most")
      ->capture_default_str();
  command->add_option("--temperature", sampling.temperature, "0: always the most likely token")
      ->capture_default_str();
  command->add_option("--top-k", sampling.top_k, "Only the K most likely; 0: all")
      ->capture_default_str();
  command->add_option("--top-p", sampling.top_p, "Only the most likely that together reach P")
      ->capture_default_str();
  command->add_option("--seed", sampling.seed, "Of the draw")->capture_default_str();
  command->callback([arguments] { Generation(*arguments).execute(); });
}

}  // namespace paceline
