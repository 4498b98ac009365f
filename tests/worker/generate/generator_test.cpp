#include "worker/generate/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/worker/generate/recorded.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using test::recorded;
using test::recorded_folder;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;

Session session_for(const Model& model) {
  const OpSet& ops = ops::all_ops();
  const std::vector<Kernel>& kernels = kernels::all_kernels();
  const Bindings sample{{"B", 1}, {"N", 40}, {"past", 0}, {"capacity", 64}};
  GraphDispatcher dispatcher(ops, kernels, nullptr, {.choose = {.plain_only = true}});
  const Decision decision = dispatcher.decide(prepare(model.graph, ops, kernels), sample);
  return Session(compile(decision.path, ops, kernels, sample, {}), ops, kernels, model.weights, {});
}

Model load(const std::string& name, bool picks) {
  Model model = load_model(recorded_folder(name), {.form = ModelForm::generate});
  if (picks) model.graph = greedy_form(model.graph, ops::all_ops());
  return model;
}

// A recorded model, ready to generate. `greedy` is the prompt and the 24 tokens that follow.
struct Recorded {
  explicit Recorded(const std::string& name, bool picks = false)
      : model(load(name, picks)),
        session(session_for(model)),
        greedy(recorded(name).at("greedy_24")) {}

  std::vector<std::int64_t> tokens(int first, int last) const {
    const auto* ids = greedy.as<std::int64_t>();
    return {ids + first, ids + last};
  }
  Generator generator() {
    return Generator(session, {model.vocabulary, model.end_tokens, model.positions_max});
  }

  Model model;
  Session session;
  Tensor greedy;
};

std::string refusal(const std::string& model, const std::vector<std::int64_t>& prompt,
                    const GenerateOptions& options = {}) {
  try {
    Recorded(model).generator().generate(prompt, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "accepted";
}

class GreedyModel : public testing::TestWithParam<std::string> {};

TEST_P(GreedyModel, ContinuesAsThePublicImplementationDoes) {
  Recorded recorded(GetParam());
  const Generated generated =
      recorded.generator().generate(recorded.tokens(0, 40), {.new_tokens_max = 24});

  EXPECT_THAT(generated.tokens, ElementsAreArray(recorded.tokens(40, 64)));
}

INSTANTIATE_TEST_SUITE_P(Models, GreedyModel,
                         testing::Values("gemma3_text", "gpt2", "llama", "mistral", "phi3", "qwen3",
                                         "qwen3_moe"),
                         [](const auto& info) { return info.param; });

TEST(Generator, TakesTheTokensThatTheGraphPicks) {
  Recorded recorded("qwen3", true);
  EXPECT_THAT(recorded.generator().generate(recorded.tokens(0, 40), {.new_tokens_max = 24}).tokens,
              ElementsAreArray(recorded.tokens(40, 64)));
  EXPECT_THAT(
      [&] {
        recorded.generator().generate(recorded.tokens(0, 1), {.sampling = {.temperature = 1}});
      },
      testing::Throws<Error>(
          testing::Property(&Error::what, HasSubstr("picks the most likely token"))));
}

TEST(Generator, StartsAnewForEveryPrompt) {
  Recorded recorded("llama");
  Generator generator = recorded.generator();
  const auto first = generator.generate(recorded.tokens(0, 40), {.new_tokens_max = 24});
  generator.generate(recorded.tokens(0, 7), {.new_tokens_max = 3});

  EXPECT_EQ(generator.generate(recorded.tokens(0, 40), {.new_tokens_max = 24}).tokens,
            first.tokens);
}

// What tokens need may be prepared once the prompt is done, and what it needed let go of.
TEST(Generator, TouchesTheTokensSessionAfterThePrompt) {
  Recorded recorded("llama");
  const auto states = std::make_shared<States>();
  const auto session = [&] {
    return VariantSession(one_plan(recorded.session.plan()), ops::all_ops(), kernels::all_kernels(),
                          recorded.model.weights, {.states = states});
  };
  VariantSession prompt = session(), token = session();
  Generator generator(&prompt, &token, {recorded.model.vocabulary, {}, std::nullopt});
  const Bindings one = {{"B", 1}, {"N", 1}, {"past", 40}, {"capacity", 64}};
  bool was_touched = false;
  GenerateOptions options{.new_tokens_max = 24};
  options.on_token = [&, is_first = true](std::int64_t) mutable {
    if (!is_first) return;
    is_first = false;
    try {
      token.session();
      was_touched = true;
    } catch (const Error&) {
    }
    prompt.close_for(token, one);
  };
  EXPECT_THAT(generator.generate(recorded.tokens(0, 40), options).tokens,
              ElementsAreArray(recorded.tokens(40, 64)));
  EXPECT_FALSE(was_touched);
}

TEST(Generator, StopsAfterAnEndToken) {
  Recorded recorded("llama");
  recorded.model.end_tokens = {99, recorded.tokens(42, 43)[0]};

  const Generated generated =
      recorded.generator().generate(recorded.tokens(0, 40), {.new_tokens_max = 24});

  EXPECT_THAT(generated.tokens, ElementsAreArray(recorded.tokens(40, 43)));
  EXPECT_TRUE(generated.ended);
}

TEST(Generator, TellsEachTokenAsItComes) {
  Recorded recorded("gpt2");
  std::vector<std::int64_t> told;

  const Generated generated = recorded.generator().generate(
      recorded.tokens(0, 40),
      {.new_tokens_max = 3, .on_token = [&](std::int64_t token) { told.push_back(token); }});

  EXPECT_EQ(told, generated.tokens);
  EXPECT_FALSE(generated.ended);
}

TEST(Generator, FillsTheModelToItsLastPosition) {
  EXPECT_EQ(refusal("gpt2", std::vector<std::int64_t>(255, 1), {.new_tokens_max = 1}), "accepted");
}

TEST(Generator, RefusesImpossibleRequests) {
  EXPECT_THAT(refusal("gpt2", {}), HasSubstr("at least one token"));
  EXPECT_THAT(refusal("gpt2", {1, 384}), HasSubstr("from 0 to 383: 384"));
  EXPECT_THAT(refusal("gpt2", {-1}), HasSubstr("from 0 to 383: -1"));
  EXPECT_THAT(refusal("gpt2", {1}, {.new_tokens_max = -1}), HasSubstr("0 or above: -1"));
  EXPECT_THAT(refusal("gpt2", std::vector<std::int64_t>(200, 1), {.new_tokens_max = 57}),
              HasSubstr("256 positions"));
}

}  // namespace
}  // namespace paceline
