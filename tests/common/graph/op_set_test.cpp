#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/graph/op.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

Op named(const char* name) { return {.name = name}; }

TEST(OpSet, FindsAnOpByItsName) {
  const OpSet ops({named("sub"), named("add"), named("rms_norm")});
  EXPECT_EQ(ops.get("rms_norm").name, "rms_norm");
  EXPECT_EQ(ops.find("rms"), nullptr);
}

TEST(OpSet, ListsNearNamesForAnUnknownOne) {
  const OpSet ops({named("sub"), named("add"), named("rms_norm")});
  EXPECT_THAT([&] { ops.get("rmsnorm"); },
              Throws<Error>(Property(&Error::what, HasSubstr("\"rmsnorm\"; near names: rms_norm"))));
}

TEST(OpSet, RefusesTwoOpsOfOneName) {
  EXPECT_THROW(OpSet({named("add"), named("add")}), Error);
}

TEST(InferTypes, RefusesTooManyInputs) {
  Op op = named("neg");
  op.input_count_min = op.input_count_max = 1;
  const std::vector<TensorType> types(2);
  EXPECT_THAT([&] { infer_types(op, types, {}); },
              Throws<Error>(Property(&Error::what, HasSubstr("got 2"))));
}

}  // namespace
}  // namespace paceline
