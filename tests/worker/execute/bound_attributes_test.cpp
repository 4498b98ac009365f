#include "worker/execute/bound_attributes.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

TEST(BoundAttributes, EqualTheAttributesBoundAnew) {
  const Attributes attributes = {{"axis", std::int64_t{1}},
                                 {"start", Dim::parse("past+1")},
                                 {"stop", Dim(7)},
                                 {"shape", Shape{Dim::parse("N"), 4}},
                                 {"kind", std::string("max")}};
  BoundAttributes bound(attributes);
  for (const Bindings& bindings : {Bindings{{"N", 2}, {"past", 3}}, Bindings{{"N", 2}, {"past", 4}},
                                   Bindings{{"N", 5}, {"past", 4}}}) {
    EXPECT_EQ(bound.bind(bindings), attributes.bind(bindings));
  }
  EXPECT_THROW(bound.bind({{"N", 2}}), Error);
}

}  // namespace
}  // namespace paceline
