#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "common/models/activation.h"
#include "common/models/family.h"

namespace paceline {

namespace {

struct Area {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct VitSpec {
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t channels = 0;
  Area image;  // In pixels.
  Area patch;
  double epsilon = 1e-12;
  std::string activation;
  bool has_qkv_bias = true;

  std::int64_t rows() const { return image.height / patch.height; }
  std::int64_t columns() const { return image.width / patch.width; }
};

constexpr std::int64_t side_max = 65'536;
constexpr std::int64_t channels_max = 65'536;

// One number for a square, or [height, width].
Area read_area(const Config& config, const char* key, std::int64_t absent) {
  std::vector<std::int64_t> sides = config.integers(key);
  if (sides.empty()) sides = {absent};
  if (sides.size() == 1) sides.push_back(sides[0]);
  const auto is_side = [](std::int64_t side) { return side >= 1 && side <= side_max; };
  if (sides.size() != 2 || !is_side(sides[0]) || !is_side(sides[1])) {
    throw invalid("{}: {} must be one or two integers from 1 to {}: {}", config.source(), key,
                  side_max, to_string(Extents(sides)));
  }
  return {sides[0], sides[1]};
}

VitSpec read_vit(const Config& config) {
  VitSpec spec;
  spec.hidden = config.size("hidden_size");
  spec.heads = config.size("num_attention_heads");
  derived_head_dim(config, spec.hidden, spec.heads);
  spec.intermediate = config.size("intermediate_size");
  spec.layers = config.size("num_hidden_layers");
  spec.channels = config.size_or("num_channels", 3, channels_max);
  spec.image = read_area(config, "image_size", 224);
  spec.patch = read_area(config, "patch_size", 16);
  if (spec.rows() == 0 || spec.columns() == 0) {
    throw invalid("{}: patch_size must fit into image_size: {}x{} and {}x{}", config.source(),
                  spec.patch.height, spec.patch.width, spec.image.height, spec.image.width);
  }
  spec.epsilon = config.positive_or("layer_norm_eps", 1e-12);
  spec.activation = config.text_or("hidden_act", "gelu");
  check_activation(spec.activation);
  spec.has_qkv_bias = config.flag_or("qkv_bias", true);
  return spec;
}

// A convolution whose windows do not overlap is a matrix product over patches. Pixels beyond the
// last whole patch do not count.
Value embed_patches(WeightBinder& weights, const VitSpec& spec, const Value& pixels) {
  const auto& [height, width] = spec.patch;
  const Value whole = pixels.slice(2, 0, spec.rows() * height).slice(3, 0, spec.columns() * width);
  const Value patches =
      whole.reshape({pixels.dim(0), spec.channels, spec.rows(), height, spec.columns(), width})
          .permute({0, 2, 4, 1, 3, 5})
          .reshape({pixels.dim(0), spec.rows() * spec.columns(), spec.channels * height * width});
  const std::string name = "embeddings.patch_embeddings.projection";
  const Value weight = weights.get(name + ".weight", {spec.hidden, spec.channels, height, width})
                           .reshape({spec.hidden, spec.channels * height * width});
  return weights.builder().op(
      "linear", {patches, weight, weights.get(name + ".bias", {spec.hidden})}, {}, name);
}

Value embed(WeightBinder& weights, const VitSpec& spec) {
  GraphBuilder& builder = weights.builder();
  const Dim batch = Dim::symbol("B");
  const Value pixels = builder.input(
      "pixel_values", {Dtype::f32, {batch, spec.channels, spec.image.height, spec.image.width}});
  const Value patches = embed_patches(weights, spec, pixels.cast(weights.dtype()));
  const Value first =
      weights.get("embeddings.cls_token", {1, 1, spec.hidden}).broadcast({batch, 1, spec.hidden});
  const Value places = weights.get("embeddings.position_embeddings",
                                   {1, spec.rows() * spec.columns() + 1, spec.hidden});
  return builder.op("concat", {first, patches}, {{"axis", std::int64_t{1}}}) + places;
}

Value attend(WeightBinder& weights, const VitSpec& spec, const Value& x, const std::string& name) {
  const auto heads = [&](const char* part) {
    return split_heads(
        linear(weights, x, name + "attention." + part, spec.hidden, spec.has_qkv_bias), spec.heads);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(spec.hidden / spec.heads));
  const Value q = heads("query");
  const Value k = heads("key");
  const Value v = heads("value");
  const Value mixed = attention(q, k, v, {.scale = scale, .is_causal = false, .window = 0});
  return linear(weights, merge_heads(mixed), name + "output.dense", spec.hidden, true);
}

Value layer(WeightBinder& weights, const VitSpec& spec, Value x, std::int64_t index) {
  const std::string name = fmt::format("encoder.layer.{}.", index);
  x = x + attend(weights, spec, layer_norm(weights, x, name + "layernorm_before", spec.epsilon),
                 name + "attention.");
  const Value inner =
      linear(weights, layer_norm(weights, x, name + "layernorm_after", spec.epsilon),
             name + "intermediate.dense", spec.intermediate, true);
  return x + linear(weights, activation(spec.activation, inner), name + "output.dense", spec.hidden,
                    true);
}

// Of the first token.
Value class_logits(WeightBinder& weights, const VitSpec& spec, const Value& x) {
  const Value first = x.slice(1, 0, 1).reshape({x.dim(0), spec.hidden});
  const std::int64_t classes = weights.extents("classifier.weight").front();
  return linear(weights, first, "classifier", classes, true);
}

}  // namespace

void build_vit(Construction& construction) {
  const VitSpec spec = read_vit(construction.config);
  WeightBinder& weights = construction.weights;
  Value x = embed(weights, spec);
  for (std::int64_t i = 0; i < spec.layers; ++i) x = layer(weights, spec, x, i);
  x = layer_norm(weights, x, "layernorm", spec.epsilon);
  if (construction.head == Head::image_classes) {
    weights.builder().output("logits", class_logits(weights, spec, x));
  } else {
    weights.builder().output("last_hidden_state", x);
  }
}

}  // namespace paceline
