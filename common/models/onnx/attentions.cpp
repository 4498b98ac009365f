#include <array>

#include "common/base/error.h"
#include "common/models/onnx/attend.h"

// The standard's own attention, from opset 23 on.
namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

std::int64_t head_count(const Call& call, std::size_t i, const char* attribute) {
  if (call.rank(i) == 4) return 0;
  const std::int64_t heads = call.integer(attribute);
  if (heads < 1) throw invalid("{} must be 1 or more: {}", attribute, heads);
  return heads;
}

Terms attention(Call& call) {
  if (call.wants_output(3)) throw unsupported("the scores as an output");
  if (call.has(6)) throw unsupported("lengths of keys without padding");
  const bool is_packed = call.rank(0) == 3;
  const std::int64_t key_heads = head_count(call, 1, "kv_num_heads");
  Heads heads{split_heads(call.in(0), head_count(call, 0, "q_num_heads")),
              split_heads(call.in(1), key_heads), split_heads(call.in(2), key_heads)};
  const bool has_past = call.has(4) && call.has(5);
  Attention attention;
  attention.scale = call.real("scale", 0);
  attention.softcap = call.real("softcap", 0);
  attention.is_causal = call.integer("is_causal", 0) != 0;
  if (attention.softcap != 0 && (call.has(3) || attention.is_causal)) {
    throw unsupported("softcap of masked scores");
  }
  if (attention.is_causal && !has_past && heads.q.dim(2) != heads.k.dim(2)) {
    throw unsupported("causal attention of {} queries over {} keys", heads.q.dim(2).to_string(),
                      heads.k.dim(2).to_string());
  }
  const Heads present = with_past(call, heads, 4, 5);
  if (call.has(3)) {
    const Value mask = call.in(3);
    (mask.dtype() == Dtype::boolean ? attention.keep : attention.bias) = mask;
  }
  const Value y = attend(present, attention);
  return {is_packed ? join_heads(y) : y, present.k, present.v};
}

// Without positions there is a row of the tables for each place of each sequence.
Terms rotary_embedding(Call& call) {
  const Value given = call.in(0);
  const bool is_packed = given.rank() == 3;
  const Value x = is_packed ? split_heads(given, head_count(call, 0, "num_heads")) : given;
  const bool is_interleaved = call.integer("interleaved", 0) != 0;
  const Value y = call.has(3) ? rotated_at(x, call.in(1), call.in(2), call.in(3), is_interleaved)
                              : rotated_by(x, insert_axes(call.in(1), {1}),
                                           insert_axes(call.in(2), {1}), is_interleaved);
  return {is_packed ? join_heads(y) : y};
}

constexpr std::array table{
    Translator{"Attention", attention},
    Translator{"RotaryEmbedding", rotary_embedding},
};

}  // namespace

std::span<const Translator> attention_translators() { return table; }

}  // namespace paceline::onnx
