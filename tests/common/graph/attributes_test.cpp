#include "common/graph/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<AttributeSpec> specs = {
    {"axis", AttributeKind::integer, std::int64_t{-1}},
    {"epsilon", AttributeKind::real, std::nullopt},
    {"start", AttributeKind::dim, Dim(0)},
};

std::string refusal_of(const Attributes& attributes) {
  try {
    attributes.complete("norm", specs);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "nothing thrown";
}

TEST(Attributes, AreCompletedWithDefaultsAndConverted) {
  const Attributes completed =
      Attributes{{"epsilon", std::int64_t{1}}, {"start", std::int64_t{4}}}.complete("norm", specs);
  EXPECT_EQ(completed.get<std::int64_t>("axis"), -1);
  EXPECT_EQ(completed.get<double>("epsilon"), 1.0);
  EXPECT_EQ(completed.get<Dim>("start"), 4);
}

TEST(Attributes, TakeIntegersForAShape) {
  const Attributes completed = Attributes{{"shape", std::vector<std::int64_t>{2, 3}}}.complete(
      "reshape", {{"shape", AttributeKind::shape, std::nullopt}});
  EXPECT_EQ(completed.get<Shape>("shape"), (Shape{2, 3}));
}

TEST(Attributes, NameWhatIsUnknownMissingOrMistyped) {
  EXPECT_THAT(refusal_of({{"epsilon", 1.0}, {"axes", std::int64_t{1}}}),
              AllOf(HasSubstr("axes=1"), HasSubstr("epsilon (real)")));
  EXPECT_THAT(refusal_of({}), HasSubstr("missing: epsilon"));
  EXPECT_THAT(refusal_of({{"epsilon", std::string("small")}}),
              HasSubstr("mistyped: epsilon=\"small\""));
}

TEST(Attributes, OfAnotherKindAreABug) {
  const Attributes attributes{{"axis", std::int64_t{1}}};
  EXPECT_THROW(attributes.get<double>("axis"), Error);
  EXPECT_THROW(attributes.get<std::int64_t>("axes"), Error);
}

TEST(Attributes, AreWrittenAsTheTextFormShowsThem) {
  const std::pair<Attribute, const char*> cases[] = {
      {true, "true"},
      {std::int64_t{3}, "3"},
      {1.0, "1.0"},
      {1e-5, "1e-05"},
      {-1.5, "-1.5"},
      {std::string("say \"hi\"\n"), "\"say \\\"hi\\\"\\n\""},
      {Dtype::f32, "f32"},
      {std::vector<std::int64_t>{0, 2, 1}, "[0,2,1]"},
      {Dim::symbol("N") + 1, "N+1"},
      {Shape{Dim::symbol("B"), 4}, "[B,4]"},
  };
  for (const auto& [attribute, text] : cases) EXPECT_EQ(to_string(attribute), text);
}

TEST(Attributes, BindTheirDimsAndShapes) {
  const Dim n = Dim::symbol("N");
  const Attributes bound = Attributes{{"stop", n + 1}, {"shape", Shape{n, 2}}}.bind({{"N", 7}});
  EXPECT_EQ(bound.get<Dim>("stop"), 8);
  EXPECT_EQ(bound.get<Shape>("shape"), (Shape{7, 2}));
}

TEST(Attributes, HaveAHashOfNamesKindsAndValues) {
  const auto hash = [](const Attributes& attributes) {
    Hasher hasher("test");
    attributes.add_to(hasher);
    return hasher.finish();
  };
  EXPECT_EQ(hash({{"a", 1.0}}), hash({{"a", 1.0}}));
  EXPECT_NE(hash({{"a", 1.0}}), hash({{"a", std::int64_t{1}}}));
  EXPECT_NE(hash({{"a", 1.0}}), hash({{"b", 1.0}}));
  EXPECT_NE(hash({{"a", 1.0}}), hash({{"a", 1.0 + 1e-15}}));
}

}  // namespace
}  // namespace paceline
