#pragma once

#include <cstdint>
#include <string>

#include "common/models/config.h"
#include "common/models/model.h"
#include "common/models/weight_binder.h"

namespace paceline {

// Which positions one run of the graph computes: `length` new ones after `past`.
struct Pass {
  Dim batch;
  Dim length;
  Dim past;
  bool is_cached = false;

  explicit Pass(ModelForm form);
  // Token ids of the new positions: i64[batch, length].
  Value token_ids(GraphBuilder& builder) const;
  // Their places in the sequence: i64[length].
  Value positions(GraphBuilder& builder) const;
};

// The parts that families share. Names are those of the checkpoint, without ".weight" and ".bias".
Value linear(WeightBinder& weights, const Value& x, const std::string& name, std::int64_t outputs,
             bool has_bias);
Value layer_norm(WeightBinder& weights, const Value& x, const std::string& name, double epsilon);
Value embedding(WeightBinder& weights, const Value& ids, const std::string& name, std::int64_t rows,
                std::int64_t columns);

// [B,N,heads*D] to [B,heads,N,D], and back.
Value split_heads(const Value& x, std::int64_t heads);
Value merge_heads(const Value& x);

struct AttentionSpec {
  double scale = 1;
  bool is_causal = false;
  std::int64_t window = 0;  // 0: none.
};
// q [B,H,N,D], k and v [B,G,L,D] to [B,H,N,D].
Value attention(const Value& q, const Value& k, const Value& v, const AttentionSpec& spec);

// Writes x [B,G,N,D] behind the `past` rows of the state `name` and gives all rows, [B,G,past+N,D].
// Without a cache, x itself.
Value remember(const Pass& pass, const std::string& name, const Value& x);

// Elements of a head when the configuration does not say: throws `invalid` when `heads` does not
// divide `hidden`.
std::int64_t derived_head_dim(const Config& config, std::int64_t hidden, std::int64_t heads);

}  // namespace paceline
