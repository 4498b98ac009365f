#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/graph/graph.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

// A graph that was sound for one set of ops need not be for another.
TEST(Validate, RefusesTypesThatInferenceDoesNotGive) {
  const Graph graph = parse_graph("graph \"g\" { input x: f32[4] y = neg(x) output z = y }",
                                  ops::all_ops());
  Op neg = ops::all_ops().get("neg");
  neg.infer = [](const OpInputs& in) {
    return std::vector<TensorType>{{Dtype::f64, in[0].shape}};
  };
  EXPECT_THAT([&] { validate(graph, OpSet({neg})); },
              Throws<Error>(Property(&Error::what, HasSubstr("node 1 neg \"y\""))));
}

TEST(Validate, RefusesAnOpThatIsNotThere) {
  const Graph graph = parse_graph("graph \"g\" { input x: f32[4] y = neg(x) output z = y }",
                                  ops::all_ops());
  EXPECT_THAT([&] { validate(graph, OpSet({})); },
              Throws<Error>(Property(&Error::what, HasSubstr("unknown op \"neg\""))));
}

}  // namespace
}  // namespace paceline
