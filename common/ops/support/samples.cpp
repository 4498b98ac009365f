#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Sample uniform_sample(Dtype dtype, const Extents& extents, const std::vector<Domain>& domains) {
  Sample sample;
  for (const Domain& domain : domains) sample.inputs.push_back({dtype, extents, domain});
  return sample;
}

}  // namespace

std::vector<Sample> elementwise_samples(const std::vector<Dtype>& dtypes,
                                        const std::vector<Domain>& domains) {
  const std::vector<Extents> shapes = {{}, {1}, {7}, {3, 5}, {2, 1, 9}, {2, 3, 1, 5}, {128, 256}};
  std::vector<Sample> samples;
  for (const Extents& shape : shapes) samples.push_back(uniform_sample(dtypes[0], shape, domains));
  for (std::size_t i = 1; i < dtypes.size(); ++i) {
    samples.push_back(uniform_sample(dtypes[i], {3, 37}, domains));
  }
  return samples;
}

Domain between(double low, double high) {
  return {.kind = Domain::Kind::uniform, .low = low, .high = high};
}

Domain index_below(double extent) { return {.kind = Domain::Kind::index, .high = extent}; }

Domain distinct_below(double extent) {
  return {.kind = Domain::Kind::distinct_index, .high = extent};
}

}  // namespace paceline::ops
