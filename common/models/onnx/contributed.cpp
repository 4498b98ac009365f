#include <array>

#include "common/base/error.h"
#include "common/models/onnx/attend.h"
#include "common/models/onnx/normalise.h"

// What ONNX Runtime's own exporters and optimisers write: docs/ContribOperators.md of
// github.com/microsoft/onnxruntime.
namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

Value gelu(const Value& x, const char* approximate) {
  return x.builder().op("gelu", {x}, {{"approximate", std::string(approximate)}});
}

Value with_bias(const Call& call) { return call.has(1) ? call.in(0) + call.in(1) : call.in(0); }

Terms gelu(Call& call) { return {gelu(call.in(0), "none")}; }
Terms bias_gelu(Call& call) { return {gelu(with_bias(call), "none")}; }
Terms fast_gelu(Call& call) { return {gelu(with_bias(call), "tanh")}; }

Terms quick_gelu(Call& call) {
  const Value x = call.in(0);
  return {x * apply("sigmoid", x * call.real("alpha", 1.702))};
}

Terms fused_matmul(Call& call) {
  if (call.integer("transBatchA", 0) != 0 || call.integer("transBatchB", 0) != 0) {
    throw unsupported("batch axes that are turned (transBatchA, transBatchB)");
  }
  Value a = call.in(0);
  Value b = call.in(1);
  if (call.integer("transA", 0) != 0 && a.rank() > 1) a = a.transpose(-2, -1);
  if (call.integer("transB", 0) != 0 && b.rank() > 1) b = b.transpose(-2, -1);
  const double alpha = call.real("alpha", 1);
  const Value y = product(a, b);
  return {alpha == 1 ? y : y * alpha};
}

// What would change the result and is not computed here.
void refuse_attribute(const Call& call, std::string_view name) {
  const std::int64_t given = call.integer(name, 0);
  if (given > 0) throw unsupported("{}={}", name, given);
}
void refuse_input(const Call& call, std::size_t i, std::string_view what) {
  if (call.has(i)) throw unsupported("{} (input {})", what, i);
}

// The sum that is normalised: of input, skip and, as operand `bias`, one more.
Value skipped_sum(const Call& call, std::size_t bias) {
  const Value sum = call.in(0) + call.in(1);
  return call.has(bias) ? sum + call.in(bias) : sum;
}

Terms skip_layer_normalization(Call& call) {
  const Value sum = skipped_sum(call, 4);
  if (call.wants_output(1) || call.wants_output(2)) throw unsupported("its statistics as outputs");
  const std::optional<Value> shift = call.has(3) ? std::optional(call.in(3)) : std::nullopt;
  const Value y = layer_norm(sum, call.in(2), shift, sum.rank() - 1, call.real("epsilon", 1e-12));
  return {y, y, y, sum};
}

Terms skip_simplified_layer_normalization(Call& call) {
  const Value sum = skipped_sum(call, 3);
  if (call.wants_output(1) || call.wants_output(2)) throw unsupported("its statistics as outputs");
  const Value y = rms_norm(sum, call.in(2), sum.rank() - 1, call.real("epsilon", 1e-6));
  return {y, y, y, sum};
}

Terms bias_add(Call& call) { return {call.in(0) + call.in(1) + call.in(2)}; }

// [B, L] of zeros and ones, or [B] lengths, as a mask of keys.
Value key_mask(const Value& given, const Dim& keys) {
  if (given.rank() == 2) return insert_axes(apply("not_equal", given, 0), {1, 2});
  if (given.rank() != 1) throw unsupported("a mask of rank {}", given.rank());
  const Value places = counting(given.builder(), keys, given.dtype());
  return insert_axes(apply("less", places, insert_axes(given, {1})), {1, 2});
}

Heads heads_of(const Call& call, const Value& q, const Value& k, const Value& v) {
  const std::int64_t heads = call.integer("num_heads");
  const std::int64_t key_heads = call.integer("kv_num_heads", heads);
  if (heads < 1 || key_heads < 1) throw invalid("{} heads, {} of keys", heads, key_heads);
  return {split_heads(q, heads), split_heads(k, key_heads), split_heads(v, key_heads)};
}

Attention attention_of(const Call& call) {
  Attention attention;
  attention.scale = call.real("scale", 0);
  attention.is_causal = call.integer("unidirectional", 0) != 0;
  return attention;
}

Terms multi_head_attention(Call& call) {
  if (!call.has(1) || !call.has(2))
    throw unsupported("query, key and value packed into one operand");
  Value q = call.in(0), k = call.in(1), v = call.in(2);
  if (q.rank() != 3 || (k.rank() != 3 && k.rank() != 4)) {
    throw unsupported("operands of rank {} and {}", q.rank(), k.rank());
  }
  if (call.has(3)) {
    const Value bias = call.in(3);
    const Dim width = q.dim(2);
    q = q + bias.slice(0, 0, width);
    if (k.rank() == 3) {
      k = k + bias.slice(0, width, width + k.dim(2));
      v = v + bias.slice(0, width + k.dim(2), width + k.dim(2) + v.dim(2));
    }
  }
  Heads heads = heads_of(call, q, k, v);
  const Heads present = with_past(call, heads, 6, 7);
  Attention attention = attention_of(call);
  if (call.has(4)) attention.keep = key_mask(call.in(4), present.k.dim(2));
  if (call.has(5)) attention.bias = call.in(5);
  return {join_heads(attend(present, attention)), present.k, present.v};
}

// One product gives query, key and value.
Terms packed_attention(Call& call) {
  refuse_attribute(call, "do_rotary");
  const Value x = call.in(0);
  if (call.has(4)) throw unsupported("past keys and values in one operand");
  const Value weight = call.in(1);
  std::vector<Value> operands{x, weight};
  if (call.has(2)) operands.push_back(call.in(2));
  const Value all = x.builder().op("linear", operands, {{"transpose_weight", false}});
  std::vector<Dim> widths;
  if (const auto sizes = call.integers("qkv_hidden_sizes"); sizes && !sizes->empty()) {
    widths = {sizes->begin(), sizes->end()};
  } else {
    const auto third = weight.dim(1).divide_exactly(3);
    if (!third) throw invalid("{} columns are not three equal parts", weight.dim(1).to_string());
    widths = {*third, *third, *third};
  }
  if (widths.size() != 3) throw invalid("qkv_hidden_sizes must have 3 entries: {}", widths.size());
  const Dim second = widths[0], third = widths[0] + widths[1];
  const Heads heads = heads_of(call, all.slice(2, 0, second), all.slice(2, second, third),
                               all.slice(2, third, third + widths[2]));
  Attention attention = attention_of(call);
  if (call.has(3)) attention.keep = key_mask(call.in(3), heads.k.dim(2));
  if (call.has(5)) attention.bias = call.in(5);
  return {join_heads(attend(heads, attention))};
}

// What a sequence has beyond its own length only reaches queries beyond it, so lengths (seqlens_k,
// one less each) need not be looked at; but beside a past, new keys of a shorter sequence would
// follow its own past, so that all of them must be equally long.
void refuse_unequal_lengths(const Call& call, const Dim& batch, const Dim& past,
                            const Dim& queries) {
  if (past == Dim(0) || !call.has(5)) return;
  const Known* lengths = call.term(5).known();
  if (lengths == nullptr && batch == Dim(1)) return;
  if (lengths == nullptr) {
    throw unsupported(
        "a past of several sequences whose lengths (seqlens_k, input 5) are known in a run only: "
        "export it for a batch of 1");
  }
  for (std::int64_t i = 0; i < lengths->element_count(); ++i) {
    if (lengths->dim(i) == past + queries - Dim(1)) continue;
    throw unsupported("a sequence shorter than others, beside a past: seqlens_k is {}, {} past",
                      lengths->dim(i).to_string(), past.to_string());
  }
}

// Causal, with fewer heads of keys.
Terms group_query_attention(Call& call) {
  for (const char* name : {"smooth_softmax", "kv_cache_bit_width"}) refuse_attribute(call, name);
  refuse_input(call, 9, "positions given by themselves");
  refuse_input(call, 11, "sinks of heads");
  Value q = call.in(0);
  if (!call.has(1) || !call.has(2))
    throw unsupported("query, key and value packed into one operand");
  Heads heads = heads_of(call, q, call.in(1), call.in(2));
  const Dim past = call.has(3) ? call.shape(3).at(2) : Dim(0);
  refuse_unequal_lengths(call, q.dim(0), past, heads.q.dim(2));
  if (call.integer("do_rotary", 0) != 0) {
    const Dim queries = heads.q.dim(2);
    const Value cosines = call.in(7).slice(0, past, past + queries);
    const Value sines = call.in(8).slice(0, past, past + queries);
    const bool is_interleaved = call.integer("rotary_interleaved", 0) != 0;
    heads.q = rotated(heads.q, cosines, sines, is_interleaved);
    heads.k = rotated(heads.k, cosines, sines, is_interleaved);
  }
  const Heads present = with_past(call, heads, 3, 4);
  Attention attention = attention_of(call);
  attention.is_causal = true;
  attention.softcap = call.real("softcap", 0);
  const std::int64_t window = call.integer("local_window_size", -1);
  attention.window = window < 0 ? 0 : window;
  if (call.has(10)) attention.bias = call.in(10);
  return {join_heads(attend(present, attention)), present.k, present.v};
}

Terms rotary_embedding(Call& call) {
  if (const double scale = call.real("scale", 1); scale != 1) throw unsupported("scale={}", scale);
  refuse_attribute(call, "is_packed_batching");
  const Value x = call.in(0);
  const Value positions = call.in(1);
  const std::int64_t given = call.integer("num_heads", 0);
  const bool is_interleaved = call.integer("interleaved", 0) != 0;
  const Value cosines = call.in(2), sines = call.in(3);
  if (x.rank() == 4) return {rotated_at(x, cosines, sines, positions, is_interleaved)};
  const std::int64_t half = given > 0 ? 1 : fixed(cosines.dim(1), "a table");
  if (half < 1 || half > (1 << 30)) {
    throw invalid("num_heads is missing and the table's rows are of no head: {} wide", half);
  }
  const std::int64_t heads = given > 0 ? given : fixed(x.dim(2), "the width of heads") / (2 * half);
  if (heads < 1) {
    throw invalid("{} holds no head of {}: the table is too wide", x.type().to_string(), 2 * half);
  }
  return {join_heads(rotated_at(split_heads(x, heads), cosines, sines, positions, is_interleaved))};
}

constexpr std::array table{
    Translator{"Attention", packed_attention},
    Translator{"BiasAdd", bias_add},
    Translator{"BiasGelu", bias_gelu},
    Translator{"FastGelu", fast_gelu},
    Translator{"FusedMatMul", fused_matmul},
    Translator{"Gelu", gelu},
    Translator{"GroupQueryAttention", group_query_attention},
    Translator{"MultiHeadAttention", multi_head_attention},
    Translator{"QuickGelu", quick_gelu},
    Translator{"RotaryEmbedding", rotary_embedding},
    Translator{"SkipLayerNormalization", skip_layer_normalization},
    Translator{"SkipSimplifiedLayerNormalization", skip_simplified_layer_normalization},
};

}  // namespace

std::span<const Translator> contributed_translators() { return table; }

}  // namespace paceline::onnx
