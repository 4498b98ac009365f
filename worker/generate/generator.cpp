#include "worker/generate/generator.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "common/base/error.h"

namespace paceline {

namespace {

// Of [1,1,V], whatever the float type.
void copy_logits(const TensorView& view, std::vector<double>& logits) {
  check(view.rank == 3 && view.extents[0] == 1 && view.extents[1] == 1, "logits of one position");
  logits.resize(view.extents[2]);
  visit_dtype(view.dtype, [&]<typename T>(std::type_identity<T>) {
    const T* data = view.as<T>();
    for (std::size_t i = 0; i < logits.size(); ++i) {
      logits[i] = static_cast<double>(data[static_cast<std::int64_t>(i) * view.strides[2]]);
    }
  });
}

// What greedy_form() leaves.
template <typename AnySession>
std::int64_t picked_token(const AnySession& session) {
  const double logit = to_doubles(session.output("logit")).at(0);
  if (std::isnan(logit)) throw invalid("the model's logits are not numbers: NaN");
  return *session.output("token").template as<std::int64_t>();
}

template <typename AnySession>
bool picks_tokens(const AnySession& session) {
  const std::span<const NamedOutput> outputs = session.graph().outputs();
  return std::ranges::any_of(outputs,
                             [](const NamedOutput& output) { return output.name == "token"; });
}

}  // namespace

Generator::Generator(AnySession prompt_session, AnySession token_session, GeneratorModel model)
    : prompt_session_(prompt_session), token_session_(token_session), model_(std::move(model)) {}

void Generator::check_request(std::span<const std::int64_t> prompt,
                              const GenerateOptions& options) const {
  if (prompt.empty()) throw invalid("a prompt needs at least one token: 0");
  for (const std::int64_t token : prompt) {
    if (token < 0 || token >= model_.vocabulary) {
      throw invalid("a token must be from 0 to {}: {}", model_.vocabulary - 1, token);
    }
  }
  const bool picks =
      std::visit([](auto* session) { return picks_tokens(*session); }, prompt_session_);
  if (picks && options.sampling.temperature != 0) {
    throw invalid("this model's graph picks the most likely token: temperature {}",
                  options.sampling.temperature);
  }
  if (options.new_tokens_max < 0) {
    throw invalid("the number of new tokens must be 0 or above: {}", options.new_tokens_max);
  }
  const auto length = static_cast<std::int64_t>(prompt.size());
  if (model_.positions_max && options.new_tokens_max > *model_.positions_max - length) {
    throw invalid(
        "the model has {} positions, fewer than prompt and new tokens together: {} and {}",
        *model_.positions_max, length, options.new_tokens_max);
  }
}

std::int64_t Generator::run(std::span<const std::int64_t> tokens, std::int64_t past,
                            Sampler& sampler) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  const auto run_on = [&](auto* session) {
    session->bind({{"B", 1}, {"N", count}, {"past", past}, {"capacity", capacity_}});
    session->set_input("input_ids",
                       Tensor::of<std::int64_t>({1, count}, {tokens.begin(), tokens.end()}));
    session->run();
    if (picks_tokens(*session)) return picked_token(*session);
    copy_logits(session->output("logits"), logits_);
    return sampler.draw(logits_);
  };
  return std::visit(run_on, count == 1 ? token_session_ : prompt_session_);
}

Generated Generator::generate(std::span<const std::int64_t> prompt,
                              const GenerateOptions& options) {
  check_request(prompt, options);
  Sampler sampler(options.sampling);
  capacity_ =
      std::max(capacity_, static_cast<std::int64_t>(prompt.size()) + options.new_tokens_max);
  const Bindings longest = {{"B", 1}, {"N", 1}, {"past", capacity_}, {"capacity", capacity_}};
  const auto reserve = [&] {
    std::visit([&](auto* session) { session->reserve(longest); }, token_session_);
  };
  // Of two sessions, that of the tokens is not touched before the prompt is done.
  bool is_reserved = prompt_session_ == token_session_;
  if (is_reserved) reserve();
  Generated result;
  std::vector<std::int64_t> next(prompt.begin(), prompt.end());
  std::int64_t past = 0;
  for (std::int64_t i = 0; i < options.new_tokens_max && !result.ended; ++i) {
    if (!is_reserved && next.size() == 1) {
      reserve();
      is_reserved = true;
    }
    const std::int64_t token = run(next, past, sampler);
    past += static_cast<std::int64_t>(next.size());
    next.assign(1, token);
    result.tokens.push_back(token);
    result.ended = std::find(model_.end_tokens.begin(), model_.end_tokens.end(), token) !=
                   model_.end_tokens.end();
    if (options.on_token) options.on_token(token);
  }
  return result;
}

}  // namespace paceline
