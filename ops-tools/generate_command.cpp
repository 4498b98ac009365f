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
#include "worker/dispatch/planner.h"
#include "worker/execute/read_ahead.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

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

class Generation {
 public:
  explicit Generation(const GenerateArguments& arguments)
      : arguments_(arguments),
        options_(arguments.request.dispatch_options()),
        prompt_(parse_tokens(arguments.tokens)),
        model_(load(arguments)),
        store_(arguments.request.store.open()),
        states_(std::make_shared<States>()),
        prepared_(std::make_shared<PreparedTensors>()),
        packed_(arguments.request.open_packed_cache()) {}

  void execute() {
    if (prompt_.empty()) throw invalid("a prompt needs at least one token: give --tokens 1,2,3");
    const auto length = static_cast<std::int64_t>(prompt_.size());
    VariantSession prompt_session = session(length, 0);
    VariantSession token_session = session(1, length);
    Generator generator(&prompt_session, &token_session,
                        {model_.vocabulary, model_.end_tokens, model_.positions_max});
    GenerateOptions options = arguments_.options;
    std::vector<std::int64_t> arrivals_ns;
    if (packed_) packed_->hold();
    options.on_token = [&](std::int64_t token) {
      if (packed_ && arrivals_ns.empty()) packed_->release();
      arrivals_ns.push_back(monotonic_ns());
      if (!arguments_.request.json) print_token(token, arrivals_ns.size() == 1);
    };
    const std::int64_t start_ns = monotonic_ns();
    const Generated generated = generator.generate(prompt_, options);
    ahead_.reset();
    report(generated, start_ns, arrivals_ns);
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

  // A session whose plans are the best for `count` tokens at a time behind `past` others.
  VariantSession session(std::int64_t count, std::int64_t past) {
    const std::int64_t capacity =
        static_cast<std::int64_t>(prompt_.size()) + arguments_.options.new_tokens_max;
    const Bindings bindings = {
        {"B", 1}, {"N", count}, {"past", past}, {"capacity", std::max(capacity, past + count)}};
    GraphDispatcher dispatcher(ops::all_ops(), arguments_.request.kernels(), store_.get(),
                               options_);
    const auto cache = arguments_.request.open_plan_cache();
    PlannedVariants planned = plan_variants(
        form_for(model_.graph, ops::all_ops(), bindings), bindings, dispatcher, ops::all_ops(),
        arguments_.request.kernels(), store_.get(), cache ? &*cache : nullptr, [this] {
          if (!ahead_) ahead_ = read_ahead_of(model_.weights);
        });
    const PlanSummary& summary = planned.summaries[planned.variants.select(bindings)];
    measured_ += summary.measured;
    estimated_ += summary.estimated;
    plans_ += static_cast<int>(planned.variants.all.size());
    return VariantSession(
        std::move(planned.variants), ops::all_ops(), arguments_.request.kernels(), model_.weights,
        {.threads = options_.threads, .states = states_, .prepared = prepared_, .packed = packed_});
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
    fmt::print("{}\n", nlohmann::json{{"model", arguments_.request.model},
                                      {"prompt", prompt_},
                                      {"tokens", generated.tokens},
                                      {"ended", generated.ended},
                                      {"prompt_s", prompt_s},
                                      {"tokens_per_s", decode_rate},
                                      {"measured", measured_},
                                      {"estimated", estimated_},
                                      {"plans", plans_}}
                           .dump(2));
  }

  const GenerateArguments& arguments_;
  GraphDispatcher::Options options_;
  std::vector<std::int64_t> prompt_;
  Model model_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<States> states_;
  std::shared_ptr<PreparedTensors> prepared_;
  std::shared_ptr<PackedCache> packed_;
  std::unique_ptr<ReadAhead> ahead_;
  int measured_ = 0;
  int estimated_ = 0;
  int plans_ = 0;  // Variants counted.
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
