#include "tests/support/block.h"

#include <cmath>
#include <optional>

#include "common/base/random.h"

namespace paceline::test {
namespace {

class BlockBuilder {
 public:
  // Without a seed there are no weights.
  BlockBuilder(const OpSet& ops, std::optional<std::uint64_t> seed)
      : builder_(ops, "block"), seed_(seed) {}

  GraphBuilder& builder() { return builder_; }
  std::map<std::string, Tensor, std::less<>> take_weights() { return std::move(weights_); }

  Value weight(const std::string& name, Extents extents, double scale, double mean = 0) {
    if (seed_) weights_.emplace(name, random_normal(extents, (*seed_)++, scale, mean));
    return builder_.weight(name, {Dtype::f32, Shape(extents.begin(), extents.end())});
  }

  Value linear(const std::string& name, const Value& x, std::int64_t from, std::int64_t to) {
    return builder_.op("linear",
                       {x, weight(name + ".weight", {to, from}, 1 / std::sqrt(double(from))),
                        weight(name + ".bias", {to}, 0.02)});
  }

  Value layer_norm(const std::string& name, const Value& x, std::int64_t width) {
    return builder_.op("layer_norm", {x, weight(name + ".weight", {width}, 0.02, 1),
                                      weight(name + ".bias", {width}, 0.02)});
  }

  Value attend(const Value& x, std::int64_t width, std::int64_t heads, bool causal) {
    const std::int64_t head_dim = width / heads;
    const Value qkv = linear("attn.qkv", x, width, 3 * width);
    const auto heads_of = [&](std::int64_t part) {
      return qkv.slice(-1, part * width, (part + 1) * width)
          .reshape({1, x.dim(1), heads, head_dim})
          .permute({0, 2, 1, 3});
    };
    const Value mixed =
        builder_.op("attention", {heads_of(0), heads_of(1), heads_of(2)},
                    {{"scale", 1 / std::sqrt(double(head_dim))}, {"causal", causal}});
    const Value joined = mixed.permute({0, 2, 1, 3}).reshape({1, x.dim(1), width});
    return linear("attn.out", joined, width, width);
  }

 private:
  GraphBuilder builder_;
  std::optional<std::uint64_t> seed_;
  std::map<std::string, Tensor, std::less<>> weights_;
};

Block build(BlockBuilder block, std::int64_t width, std::int64_t heads, bool causal) {
  const Value x = block.builder().input("x", {Dtype::f32, {1, Dim::symbol("N"), width}});
  const Value middle = x + block.attend(block.layer_norm("ln_1", x, width), width, heads, causal);
  const Value wide =
      block.linear("mlp.fc", block.layer_norm("ln_2", middle, width), width, 4 * width);
  const Value active = block.builder().op("gelu", {wide}, {{"approximate", std::string("tanh")}});
  block.builder().output("y", middle + block.linear("mlp.proj", active, 4 * width, width));
  return {block.builder().finish(), block.take_weights()};
}

}  // namespace

Block transformer_block(const OpSet& ops, std::int64_t width, std::int64_t heads, bool causal,
                        std::uint64_t seed) {
  return build({ops, seed}, width, heads, causal);
}

Graph transformer_block_graph(const OpSet& ops, std::int64_t width, std::int64_t heads,
                              bool causal) {
  return build({ops, std::nullopt}, width, heads, causal).graph;
}

Tensor random_normal(const Extents& extents, std::uint64_t seed, double scale, double mean) {
  Tensor tensor(Dtype::f32, extents);
  Random random(seed);
  float* elements = tensor.as<float>();
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    elements[i] = static_cast<float>(mean + scale * random.normal());
  }
  return tensor;
}

}  // namespace paceline::test
