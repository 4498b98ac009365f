#include "ops-tools/bench/answers.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/models/safetensors.h"
#include "tests/support/scratch.h"

namespace paceline::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Tensor row(const std::vector<float>& values) {
  Tensor tensor(Dtype::f32, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.as<float>());
  return tensor;
}

class AnswersTest : public ::testing::Test {
 protected:
  json said(const char* name, const TensorMap& outputs) const {
    const auto path = scratch_ / (std::string(name) + ".safetensors");
    write_safetensors(path, outputs);
    return {{"outputs", path.string()}};
  }
  AnswerComparison compared(const TensorMap& theirs) const {
    return compare_answers(said("theirs", theirs), ours(), 1e-3);
  }
  json ours() const { return said("ours", {{"a", row({1, 2})}, {"b", row({3, 4, 5})}}); }

  testing::Scratch scratch_;
};

TEST_F(AnswersTest, AreAlikeWithinTheBound) {
  const auto found = compared({{"a", row({1, 2})}, {"b", row({3, 4, 5.0005f})}, {"c", row({1})}});

  EXPECT_FALSE(found.differs) << found.where;
  EXPECT_GT(found.difference->relative, 0);
  EXPECT_EQ(found.where, "");
}

TEST_F(AnswersTest, DifferByOneOutputOfSeveral) {
  for (const float wrong : {7.0f, std::numeric_limits<float>::quiet_NaN()}) {
    const auto found = compared({{"a", row({1, wrong})}, {"b", row({3, 4, 5})}});

    EXPECT_TRUE(found.differs);
    EXPECT_FALSE(found.difference->relative <= 1e-3);
    EXPECT_THAT(found.where, HasSubstr("a: "));
  }
}

TEST_F(AnswersTest, DifferWhereAnOutputIsMissingOrOfAnotherShape) {
  const auto missing = compared({{"a", row({1, 2})}});
  EXPECT_TRUE(missing.differs);
  EXPECT_EQ(missing.where, "it has no output b");

  const auto shorter = compared({{"a", row({1})}, {"b", row({3, 4, 5})}});
  EXPECT_TRUE(shorter.differs);
  EXPECT_EQ(shorter.where, "a is [1], ours is [2]");
}

TEST_F(AnswersTest, DifferWhereNoneCanBeRead) {
  for (const json& theirs :
       {json::object(), json{{"outputs", 5}}, json{{"outputs", (scratch_ / "no").string()}}}) {
    const auto found = compare_answers(theirs, ours(), 1e-3);
    EXPECT_TRUE(found.differs) << theirs;
    EXPECT_NE(found.where, "");
    EXPECT_FALSE(found.difference);
  }
}

TEST_F(AnswersTest, OfTokensAreTheSameOrNot) {
  const json ours = {{"tokens", {4, 5, 6}}};

  const auto same = compare_answers(ours, ours, 1e-3);
  EXPECT_FALSE(same.differs);
  EXPECT_EQ(same.tokens_alike, 3);

  const auto other = compare_answers({{"tokens", {4, 9, 6}}}, ours, 1e-3);
  EXPECT_TRUE(other.differs);
  EXPECT_EQ(other.tokens_alike, 1);
  EXPECT_EQ(other.where, "token 1 is 9, ours is 5");

  EXPECT_EQ(compare_answers({{"tokens", {4, 5}}}, ours, 1e-3).where,
            "it gives 2 tokens, ours are 3");
  for (const json& theirs : {json::object(), json{{"tokens", "456"}}, json{{"tokens", {4, "5"}}}}) {
    EXPECT_EQ(compare_answers(theirs, ours, 1e-3).where, "it gives no tokens") << theirs;
  }
}

}  // namespace
}  // namespace paceline::bench
