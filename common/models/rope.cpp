#include "common/models/rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace paceline {

namespace {

constexpr std::int64_t default_length = 2048;

// The settings of one rope, whichever way the file spells them.
struct Settings {
  Config scaling;  // Holds the kind's own keys.
  std::string kind;
  double theta = 0;
  std::int64_t dim = 0;
  std::int64_t length = 0;           // max_position_embeddings
  std::int64_t original_length = 0;  // Before the context was extended.
};

bool is_per_layer_type(const Config& parameters) {
  return parameters.has("full_attention") || parameters.has("sliding_attention");
}

Config empty(const Config& config) { return Config::parse("{}", config.source()); }

Config scaling_of(const Config& config, std::string_view layer_type) {
  if (const auto parameters = config.object("rope_parameters")) {
    if (!is_per_layer_type(*parameters)) return *parameters;
    const auto own = parameters->object(layer_type);
    return own ? *own : empty(config);
  }
  const auto scaling = config.object("rope_scaling");
  return scaling ? *scaling : empty(config);
}

std::int64_t rotary_dim(const Config& config, const Config& scaling, std::int64_t head_dim) {
  constexpr auto key = "partial_rotary_factor";
  const double fraction = config.has(key) ? config.positive(key) : scaling.positive_or(key, 1.0);
  const auto dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * fraction);
  if (fraction > 1 || dim < 2 || dim % 2 != 0) {
    throw invalid("{}: {} must rotate an even number of a head's {} elements: {}", config.source(),
                  key, head_dim, fraction);
  }
  return dim;
}

Settings read_settings(const Config& config, std::string_view layer_type, std::int64_t head_dim,
                       double theta_default) {
  constexpr auto original = "original_max_position_embeddings";
  Config scaling = scaling_of(config, layer_type);
  const std::int64_t length = config.size_or("max_position_embeddings", default_length);
  return {
      .scaling = scaling,
      .kind =
          scaling.has("rope_type") ? scaling.text("rope_type") : scaling.text_or("type", "default"),
      .theta = scaling.positive_or("rope_theta", config.positive_or("rope_theta", theta_default)),
      .dim = rotary_dim(config, scaling, head_dim),
      .length = length,
      // The outer key wins, as for Phi-3, which publishes both.
      .original_length = config.size_or(original, scaling.size_or(original, length)),
  };
}

// base ** (2i / dim), in float32.
std::vector<float> powers(double base, std::int64_t dim) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    result.push_back(std::pow(static_cast<float>(base), exponent));
  }
  return result;
}

std::vector<float> plain_frequencies(const Settings& settings) {
  std::vector<float> frequencies = powers(settings.theta, settings.dim);
  for (float& f : frequencies) f = 1.0f / f;
  return frequencies;
}

double factor_of(const Settings& settings) { return settings.scaling.positive("factor"); }

Rope make(const Settings& settings, decltype(Rope::kind) kind, double attention_factor = 1) {
  return {std::move(kind), settings.dim, settings.original_length, attention_factor};
}

Rope read_default(const Settings& settings) {
  return make(settings, Rope::Fixed{plain_frequencies(settings)});
}

Rope read_linear(const Settings& settings) {
  std::vector<float> frequencies = plain_frequencies(settings);
  for (float& f : frequencies) f /= static_cast<float>(factor_of(settings));
  return make(settings, Rope::Fixed{std::move(frequencies)});
}

Rope read_dynamic(const Settings& settings) {
  if (settings.dim <= 2) {
    throw invalid("{}: dynamic rope needs more than 2 rotated elements: {}",
                  settings.scaling.source(), settings.dim);
  }
  Rope rope = make(settings, Rope::Dynamic{settings.theta, factor_of(settings)});
  rope.original_length = settings.length;
  return rope;
}

// Llama 3.1: long waves are slowed down by `factor`, short ones kept, those between blended.
Rope read_llama3(const Settings& settings) {
  const auto factor = static_cast<float>(factor_of(settings));
  const auto low = static_cast<float>(settings.scaling.positive("low_freq_factor"));
  const auto high = static_cast<float>(settings.scaling.positive("high_freq_factor"));
  if (high <= low) {
    throw invalid("{}: high_freq_factor must be above low_freq_factor: {} and {}",
                  settings.scaling.source(), high, low);
  }
  const auto length = static_cast<float>(settings.original_length);
  std::vector<float> frequencies = plain_frequencies(settings);
  for (float& f : frequencies) {
    const float wave = static_cast<float>(2 * std::numbers::pi) / f;
    if (wave < length / high) continue;
    const float smooth = (length / wave - low) / (high - low);
    f = wave > length / low ? f / factor : (1 - smooth) * f / factor + smooth * f;
  }
  return make(settings, Rope::Fixed{std::move(frequencies)});
}

double yarn_scale(double factor, double scale) {
  return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0;
}

double yarn_attention_factor(const Config& scaling, double factor) {
  if (scaling.has("attention_factor")) return scaling.positive("attention_factor");
  const double one = scaling.number_or("mscale", 0);
  const double all = scaling.number_or("mscale_all_dim", 0);
  return one != 0 && all != 0 ? yarn_scale(factor, one) / yarn_scale(factor, all)
                              : yarn_scale(factor, 1);
}

// The pairs between which YaRN blends interpolated into original frequencies.
std::pair<double, double> yarn_range(const Settings& settings) {
  const auto dim = static_cast<double>(settings.dim);
  const auto pair_of = [&](double rotations) {
    const double wave =
        static_cast<double>(settings.original_length) / (rotations * 2 * std::numbers::pi);
    return dim * std::log(wave) / (2 * std::log(settings.theta));
  };
  double low = pair_of(settings.scaling.positive_or("beta_fast", 32));
  double high = pair_of(settings.scaling.positive_or("beta_slow", 1));
  if (settings.scaling.flag_or("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  return {low, low == high ? high + 0.001 : high};
}

// YaRN (Peng et al. 2023).
Rope read_yarn(const Settings& settings) {
  const double factor =
      settings.scaling.positive_or("factor", static_cast<double>(settings.length) /
                                                 static_cast<double>(settings.original_length));
  if (settings.theta <= 1) {
    throw invalid("{}: yarn needs a rope_theta above 1: {}", settings.scaling.source(),
                  settings.theta);
  }
  const auto [low, high] = yarn_range(settings);
  std::vector<float> frequencies = powers(settings.theta, settings.dim);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float original = 1.0f / frequencies[i];
    const float interpolated = 1.0f / (static_cast<float>(factor) * frequencies[i]);
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f,
        1.0f);
    const float kept = 1 - ramp;
    frequencies[i] = interpolated * (1 - kept) + original * kept;
  }
  return make(settings, Rope::Fixed{std::move(frequencies)},
              yarn_attention_factor(settings.scaling, factor));
}

std::vector<float> long_rope_frequencies(const Settings& settings, std::string_view key) {
  const std::vector<double> factors = settings.scaling.numbers(key);
  std::vector<float> frequencies = powers(settings.theta, settings.dim);
  if (factors.size() != frequencies.size()) {
    throw invalid("{}: {} must hold a number for each of {} rotated pairs: {}",
                  settings.scaling.source(), key, frequencies.size(), factors.size());
  }
  for (std::size_t i = 0; i < factors.size(); ++i) {
    frequencies[i] = 1.0f / (static_cast<float>(factors[i]) * frequencies[i]);
  }
  return frequencies;
}

// LongRoPE (Ding et al. 2024), as Phi-3 publishes it.
Rope read_longrope(const Settings& settings) {
  const auto original = static_cast<double>(settings.original_length);
  const double factor =
      settings.scaling.positive_or("factor", static_cast<double>(settings.length) / original);
  const double derived = factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(original));
  return make(settings,
              Rope::Long{long_rope_frequencies(settings, "short_factor"),
                         long_rope_frequencies(settings, "long_factor")},
              settings.scaling.positive_or("attention_factor", derived));
}

constexpr std::array<std::pair<std::string_view, Rope (*)(const Settings&)>, 6> kinds{{
    {"default", read_default},
    {"linear", read_linear},
    {"dynamic", read_dynamic},
    {"llama3", read_llama3},
    {"yarn", read_yarn},
    {"longrope", read_longrope},
}};

Value constant(GraphBuilder& builder, const std::vector<float>& elements) {
  return builder.constant(
      Tensor::of<float>({static_cast<std::int64_t>(elements.size())}, elements));
}

// The length of the sequence up to here as a value: f32[1].
Value sequence_length(GraphBuilder& builder, const Dim& past, const Dim& length) {
  return builder.op("iota", {},
                    {{"start", past + length}, {"extent", Dim(1)}, {"dtype", Dtype::f32}});
}

Value frequencies(GraphBuilder& builder, const Rope& rope, const Rope::Dynamic& dynamic,
                  const Value& length) {
  const auto original = static_cast<double>(rope.original_length);
  const auto dim = static_cast<double>(rope.rotary_dim);
  const Value longest = builder.op(
      "maximum", {length, builder.scalar(original, Dtype::f32).broadcast(length.shape())});
  const Value growth = longest * dynamic.factor / original - (dynamic.factor - 1);
  const Value exponent = builder.scalar(dim / (dim - 2), Dtype::f32).broadcast(growth.shape());
  const Value base = dynamic.base * builder.op("pow", {growth, exponent});

  std::vector<float> exponents;
  for (std::int64_t i = 0; i < rope.rotary_dim; i += 2) {
    exponents.push_back(static_cast<float>(i) / static_cast<float>(rope.rotary_dim));
  }
  const Value powers = constant(builder, exponents);
  return 1.0 / builder.op("pow", {base.broadcast(powers.shape()), powers});
}

Value frequencies(GraphBuilder& builder, const Rope& rope, const Rope::Long& kind,
                  const Value& length) {
  const Value near = constant(builder, kind.frequencies);
  const Value far = constant(builder, kind.long_frequencies);
  const Value limit = builder.scalar(static_cast<double>(rope.original_length), Dtype::f32);
  const Value is_long = builder.op("greater", {length, limit.broadcast(length.shape())});
  return builder.op("where", {is_long.broadcast(near.shape()), far, near});
}

Value frequencies(GraphBuilder& builder, const Rope& rope, const Dim& past, const Dim& length) {
  if (const auto* fixed = std::get_if<Rope::Fixed>(&rope.kind)) {
    return constant(builder, fixed->frequencies);
  }
  const Value total = sequence_length(builder, past, length);
  if (const auto* dynamic = std::get_if<Rope::Dynamic>(&rope.kind)) {
    return frequencies(builder, rope, *dynamic, total);
  }
  return frequencies(builder, rope, std::get<Rope::Long>(rope.kind), total);
}

}  // namespace

Rope read_rope(const Config& config, std::string_view layer_type, std::int64_t head_dim,
               double theta_default) {
  const Settings settings = read_settings(config, layer_type, head_dim, theta_default);
  std::string known;
  for (const auto& [kind, read] : kinds) {
    if (kind == settings.kind) return read(settings);
    known += known.empty() ? kind : fmt::format(", {}", kind);
  }
  throw invalid("{}: rope_type must be one of {}: {}", settings.scaling.source(), known,
                settings.kind);
}

Rope read_local_rope(const Config& config, std::int64_t head_dim) {
  const auto parameters = config.object("rope_parameters");
  const double theta = config.positive_or("rope_local_base_freq", 10000);
  if (parameters && is_per_layer_type(*parameters)) {
    return read_rope(config, "sliding_attention", head_dim, theta);
  }
  return read_default(
      {.scaling = empty(config),
       .kind = "default",
       .theta = theta,
       .dim = rotary_dim(config, empty(config), head_dim),
       .length = config.size_or("max_position_embeddings", default_length),
       .original_length = config.size_or("max_position_embeddings", default_length)});
}

RopeTables rope_tables(GraphBuilder& builder, const Rope& rope, const Dim& past, const Dim& length,
                       Dtype dtype) {
  const Dim pairs = rope.rotary_dim / 2;
  const Value positions =
      builder.op("iota", {}, {{"start", past}, {"extent", length}, {"dtype", Dtype::f32}});
  const Value angles =
      positions.reshape({length, 1}) * frequencies(builder, rope, past, length).reshape({1, pairs});
  const auto scaled = [&](const char* function) {
    const Value table = builder.op(function, {angles});
    return (rope.attention_factor == 1 ? table : table * rope.attention_factor).cast(dtype);
  };
  return {scaled("cos"), scaled("sin")};
}

}  // namespace paceline
