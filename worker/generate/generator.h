#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "common/base/random.h"
#include "worker/execute/variant_session.h"

namespace paceline {

struct SamplingOptions {
  double temperature = 0;  // 0: always the most likely token, the first of equals.
  std::int64_t top_k = 0;  // Only the k most likely; 0: all.
  double top_p = 1;        // Only the most likely that together reach p.
  std::uint64_t seed = 0;
};

// Draws a token from the logits of one position.
class Sampler {
 public:
  // Throws `invalid` naming an option that is out of range.
  explicit Sampler(const SamplingOptions& options);

  std::int64_t draw(std::span<const double> logits);

 private:
  SamplingOptions options_;
  Random random_;
};

// What a generator must know of the model in its session.
struct GeneratorModel {
  std::int64_t vocabulary = 0;
  std::vector<std::int64_t> end_tokens;
  std::optional<std::int64_t> positions_max;
};

struct GenerateOptions {
  std::int64_t new_tokens_max = 24;
  SamplingOptions sampling = {};
  // Called with each new token as it comes. May be null.
  std::function<void(std::int64_t)> on_token = {};
};

struct Generated {
  std::vector<std::int64_t> tokens;  // The new ones; an end token that stopped it is the last.
  bool ended = false;                // By an end token.
};

// Continues sequences with a model in its generate form: input `input_ids` i64[B,N], output
// `logits` [B,1,V], or those of greedy_form(), symbols B, N, past and capacity. One run takes in
// the whole prompt, then one run each token; nothing is planned between them, and nothing built but
// what a variant computes from weights alone, when it is first bound. Whole prompts and single
// tokens may have plans of their own, since other kernels win there: two sessions that share their
// states; that of the tokens is first called once the prompt is done. Where the best plan depends
// on how long a prompt is, its session has variants. Borrows the sessions. One thread.
class Generator {
 public:
  using AnySession = std::variant<Session*, VariantSession*>;
  Generator(AnySession prompt_session, AnySession token_session, GeneratorModel model);
  Generator(Session& session, GeneratorModel model) : Generator(session, session, model) {}
  Generator(Session& prompt_session, Session& token_session, GeneratorModel model)
      : Generator(AnySession(&prompt_session), AnySession(&token_session), model) {}

  // Starts a new sequence. Throws `invalid` for an empty prompt, a token outside the vocabulary, or
  // more positions than the model has, naming the values, and for a temperature where the graph
  // picks the tokens.
  Generated generate(std::span<const std::int64_t> prompt, const GenerateOptions& options);

 private:
  void check_request(std::span<const std::int64_t> prompt, const GenerateOptions& options) const;
  // Runs `tokens` behind the `past` positions that the states hold, and picks the next one.
  std::int64_t run(std::span<const std::int64_t> tokens, std::int64_t past, Sampler& sampler);

  AnySession prompt_session_;
  AnySession token_session_;
  GeneratorModel model_;
  std::int64_t capacity_ = 0;  // In positions; grows with the longest request.
  std::vector<double> logits_;
};

}  // namespace paceline
