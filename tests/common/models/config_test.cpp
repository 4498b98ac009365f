#include "common/models/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/base/error.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config parse(std::string_view text) { return Config::parse(text, "config.json"); }

std::string refusal(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "accepted";
}

TEST(Config, ReadsTypedValues) {
  const Config config =
      parse(R"({"n":64,"f":64.0,"x":1e-6,"on":true,"name":"gelu","ids":[1,2],"id":3})");

  EXPECT_EQ(config.size("n"), 64);
  EXPECT_EQ(config.size("f"), 64);
  EXPECT_EQ(config.positive("x"), 1e-6);
  EXPECT_TRUE(config.flag_or("on", false));
  EXPECT_EQ(config.text("name"), "gelu");
  EXPECT_THAT(config.integers("ids"), ElementsAre(1, 2));
  EXPECT_THAT(config.integers("id"), ElementsAre(3));
}

TEST(Config, TakesNullForAbsent) {
  const Config config = parse(R"({"window":null})");

  EXPECT_FALSE(config.has("window"));
  EXPECT_TRUE(config.is_null("window"));
  EXPECT_FALSE(config.is_null("other"));
  EXPECT_EQ(config.size_or("window", 7), 7);
  EXPECT_THAT(config.integers("window"), IsEmpty());
}

TEST(Config, NamesTheObjectOfAWrongValue) {
  const Config inner = *parse(R"({"rope_scaling":{"factor":"two"}})").object("rope_scaling");

  EXPECT_EQ(refusal([&] { inner.positive("factor"); }),
            "config.json: rope_scaling: factor must be a number: \"two\"");
}

TEST(Config, RefusesWhatIsMissingMistypedOrOutOfRange) {
  const Config config =
      parse(R"({"zero":0,"half":0.5,"minus":-1,"big":1e300,"text":"a","list":["a"]})");

  EXPECT_EQ(refusal([&] { config.size("none"); }), "config.json: a key is missing: none");
  for (const char* key : {"zero", "half", "minus", "big", "text", "list"}) {
    EXPECT_THAT(refusal([&] { config.size(key); }), HasSubstr("must be an integer from 1 to"))
        << key;
  }
  EXPECT_THAT(refusal([&] { config.positive("zero"); }), HasSubstr("above 0: 0"));
  EXPECT_THAT(refusal([&] { config.flag_or("zero", true); }), HasSubstr("true or false: 0"));
  EXPECT_THAT(refusal([&] { config.text("zero"); }), HasSubstr("must be text: 0"));
  EXPECT_THAT(refusal([&] { config.integers("list"); }), HasSubstr("must be integers"));
  EXPECT_THAT(refusal([&] { config.object("zero"); }), HasSubstr("must be an object: 0"));
}

TEST(Config, RefusesTextThatIsNoJsonObject) {
  for (const char* text :
       {"", "{", "[1]", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}", "{\"a\":1e999}"}) {
    EXPECT_THAT(refusal([&] { parse(text); }), HasSubstr("config.json")) << text;
  }
  EXPECT_THAT(refusal([] { parse(std::string(1000, '[')); }), HasSubstr("config.json"));
}

}  // namespace
}  // namespace paceline
