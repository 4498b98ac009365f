#pragma once

#include <optional>

#include "common/models/onnx/lower.h"

// Attention as ONNX Runtime's ops have it, in terms of the registry's.
namespace paceline::onnx {

struct Heads {
  Value q;  // [B, H, N, D]
  Value k;  // [B, G, L, D]
  Value v;  // [B, G, L, E]
};

struct Attention {
  double scale = 0;  // 0: 1 / sqrt(D).
  bool is_causal = false;
  std::int64_t window = 0;
  double softcap = 0;
  std::optional<Value> keep;  // Which keys count, bool.
  std::optional<Value> bias;  // Added to the scores.
};

Value split_heads(const Value& x, std::int64_t heads);  // [B,N,H*D] to [B,H,N,D]; as it is if so.
Value join_heads(const Value& x);                       // And back.

// Keys and values behind those of operands `key` and `value`, if there are.
Heads with_past(const Call& call, const Heads& heads, std::size_t key, std::size_t value);

Value attend(const Heads& heads, const Attention& attention);

// Tables [N, R/2] for the places of x[.., N, D].
Value rotated(const Value& x, const Value& cosines, const Value& sines, bool is_interleaved);
// Cosines and sines that broadcast to the rotated half of x.
Value rotated_by(const Value& x, const Value& cosines, const Value& sines, bool is_interleaved);
// Tables [places, R/2], and each sequence's positions [B, N], or [1]: where all of them start.
Value rotated_at(const Value& x, const Value& cosines, const Value& sines, const Value& positions,
                 bool is_interleaved);

}  // namespace paceline::onnx
