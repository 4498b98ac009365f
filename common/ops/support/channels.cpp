#include "common/ops/support/channels.h"

namespace paceline::ops {

void expect_channel_vectors(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_rank(2, in[0]);
  expect_equal_dtypes(in);
  const Shape channels{in[0].shape[1]};
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (in[i].shape != channels) {
      throw invalid("operand {} must be {}, one a channel: {}", i, to_string(channels),
                    in[i].to_string());
    }
  }
}

Value along_channels(const Value& vector, const Value& x) {
  Shape shape(x.rank() - 1, 1);
  shape[0] = vector.dim(0);
  return vector.reshape(shape).broadcast(x.shape());
}

}  // namespace paceline::ops
