#include "common/ops/support/pool.h"

namespace paceline::ops {

namespace {

Shape kernel_of(const OpInputs& in) {
  const Integers& kernel = spatial_integers(in, "kernel", 1);
  return {kernel.begin(), kernel.end()};
}

struct Pool {
  Extents x;
  Integers kernel, strides, dilations, low, high;
  bool ceil_mode = false;
};

Sample sample(const Pool& of, Dtype dtype) {
  return {{{dtype, of.x}},
          {{"kernel", of.kernel},
           {"strides", of.strides},
           {"dilations", of.dilations},
           {"pads_low", of.low},
           {"pads_high", of.high},
           {"ceil_mode", of.ceil_mode}}};
}

}  // namespace

std::vector<AttributeSpec> pool_attributes() {
  return {{"kernel", AttributeKind::integers},    {"strides", AttributeKind::integers},
          {"dilations", AttributeKind::integers}, {"pads_low", AttributeKind::integers},
          {"pads_high", AttributeKind::integers}, {"ceil_mode", AttributeKind::boolean, false}};
}

Shape pool_shape(const OpInputs& in) {
  const Shape kernel = kernel_of(in);
  Shape shape{in[0].shape[0], in[0].shape[1]};
  const bool ceil_mode = in.attributes.get<bool>("ceil_mode");
  for (const Dim& extent : window_extents(in, kernel, ceil_mode)) shape.push_back(extent);
  return shape;
}

Work pool_work(const OpInputs& in, const TensorType& out) {
  const Shape kernel = kernel_of(in);
  const Shape windows(out.shape.begin() + 2, out.shape.end());
  // A maximum or a sum over a rectangle may be shared by neighbouring windows: one step an output.
  return {.flops = count(out), .bytes = touched_bytes(in, kernel, windows) + size_bytes(out)};
}

Windows pool_windows(const ReferenceCall& call) {
  const Extents& x = call.inputs[0].extents();
  return {x, call.attributes.get<Integers>("kernel"), call.outputs[0].extents(),
          static_cast<int>(x.size()) - 2, call.attributes};
}

std::vector<Sample> pool_samples(const std::vector<Dtype>& dtypes) {
  std::vector<Sample> samples;
  for (const Pool& pool : std::vector<Pool>{
           {{1, 1, 1}, {1}, {1}, {1}, {0}, {0}},
           {{2, 3, 10}, {3}, {2}, {1}, {1}, {1}},
           {{2, 3, 7, 6}, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true},
           {{1, 3, 9, 11}, {3, 2}, {1, 3}, {2, 1}, {1, 0}, {0, 1}},
           {{1, 2, 4, 5, 6}, {2, 3, 2}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {1, 1, 0}, true},
           {{1, 2, 6, 6}, {3, 3}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, true},
           {{2, 16, 28, 28}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
           {{2, 20, 7, 7}, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
       }) {
    samples.push_back(sample(pool, dtypes[0]));
  }
  for (std::size_t i = 1; i < dtypes.size(); ++i) {
    samples.push_back(sample({{1, 3, 9, 8}, {3, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}}, dtypes[i]));
  }
  return samples;
}

}  // namespace paceline::ops
