#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using testing::HasSubstr;

TEST(Error, CarriesItsKindAndTheValues) {
  const Error error = unsupported("no kernel: {} {}", "rms_norm", "f64");
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_STREQ(error.what(), "no kernel: rms_norm f64");
  EXPECT_EQ(to_string(error.kind()), "unsupported");
}

TEST(Check, NamesThePlaceThatCalledIt) {
  check(true, "fine");
  try {
    check(false, "slots overlap");
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr("error_test.cpp"));
    EXPECT_THAT(error.what(), HasSubstr("slots overlap"));
  }
}

}  // namespace
}  // namespace paceline
