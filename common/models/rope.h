#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/config.h"

namespace paceline {

// Rotary position embedding as a model's configuration asks for it, computed in float32 as the
// public implementation does. Frequencies are radians per position, one for each rotated pair.
struct Rope {
  struct Fixed {  // default, linear, llama3, yarn
    std::vector<float> frequencies;
    friend bool operator==(const Fixed&, const Fixed&) = default;
  };
  struct Dynamic {  // The base grows once the sequence is longer than `original_length`.
    double base = 0;
    double factor = 1;
    friend bool operator==(const Dynamic&, const Dynamic&) = default;
  };
  struct Long {  // longrope: other frequencies for sequences longer than `original_length`.
    std::vector<float> frequencies;
    std::vector<float> long_frequencies;
    friend bool operator==(const Long&, const Long&) = default;
  };

  std::variant<Fixed, Dynamic, Long> kind;
  std::int64_t rotary_dim = 0;       // Even; the first elements of each head.
  std::int64_t original_length = 0;  // In positions.
  double attention_factor = 1;       // Scales cosines and sines.

  friend bool operator==(const Rope&, const Rope&) = default;
};

// Reads `rope_parameters` (flat, or one object per layer type) or the older `rope_theta` with
// `rope_scaling`. Throws `invalid` for an unknown kind, listing those known, and for missing or
// impossible values.
Rope read_rope(const Config& config, std::string_view layer_type, std::int64_t head_dim,
               double theta_default);

// That of Gemma 3's sliding layers: `rope_parameters` of its own, or plain with
// `rope_local_base_freq`.
Rope read_local_rope(const Config& config, std::int64_t head_dim);

// cos and sin [length, rotary_dim / 2] of positions past, past + 1, ...
struct RopeTables {
  Value cos;
  Value sin;
};
RopeTables rope_tables(GraphBuilder& builder, const Rope& rope, const Dim& past, const Dim& length,
                       Dtype dtype);

}  // namespace paceline
