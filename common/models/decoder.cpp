#include "common/models/decoder.h"

#include <array>
#include <map>
#include <utility>

#include "common/base/error.h"
#include "common/models/activation.h"

namespace paceline {

namespace {

class DecoderBuilder {
 public:
  DecoderBuilder(Construction& construction, const DecoderSpec& spec)
      : construction_(construction),
        weights_(construction.weights),
        builder_(weights_.builder()),
        spec_(spec),
        pass_(construction.form) {}

  void build() {
    construction_.model.vocabulary = spec_.vocabulary;
    Value x = embedding(weights_, pass_.token_ids(builder_), "embed_tokens", spec_.vocabulary,
                        spec_.hidden);
    if (spec_.embedding_scale != 1) x = x * spec_.embedding_scale;
    for (std::size_t i = 0; i < spec_.layers.size(); ++i) x = layer(x, i);
    add_language_head(construction_, norm(x, "norm"),
                      {"embed_tokens", spec_.is_tied, spec_.logit_softcap});
  }

 private:
  Value layer(Value x, std::size_t index) {
    const std::string name = fmt::format("layers.{}.", index);
    const bool post = spec_.has_post_norms;
    Value a = attend(norm(x, name + "input_layernorm"), index, name + "self_attn.");
    if (post) a = norm(a, name + "post_attention_layernorm");
    x = x + a;
    Value m =
        feed(norm(x, name + (post ? "pre_feedforward_layernorm" : "post_attention_layernorm")),
             index, name + "mlp.");
    if (post) m = norm(m, name + "post_feedforward_layernorm");
    return x + m;
  }

  Value norm(const Value& x, const std::string& name) {
    const Value weight = weights_.get(name + ".weight", {*x.dim(-1).constant()});
    return builder_.op("rms_norm", {x, weight},
                       {{"epsilon", spec_.norm_epsilon}, {"weight_offset", spec_.norm_offset}},
                       name);
  }

  Value attend(const Value& x, std::size_t index, const std::string& name) {
    const DecoderSpec::Layer& layer = spec_.layers[index];
    const RopeTables& table = tables(layer.rope);
    const auto rotate = [&](const Value& heads) {
      return builder_.op("rope", {heads, table.cos, table.sin});
    };
    const auto [q, k, v] = queries_keys_values(x, name);
    const auto keep = [&](const Value& heads, const char* part) {
      return remember(pass_, add_state(construction_, static_cast<std::int64_t>(index), part),
                      heads);
    };
    const Value keys = keep(rotate(head_norm(k, name + "k_norm")), "key");
    const Value values = keep(v, "value");
    const Value mixed = attention(rotate(head_norm(q, name + "q_norm")), keys, values,
                                  {spec_.attention_scale, spec_.is_causal, layer.window});
    return linear(weights_, merge_heads(mixed), name + "o_proj", spec_.hidden,
                  spec_.has_attention_bias);
  }

  // Made at first use; layers share them.
  const RopeTables& tables(std::size_t rope) {
    const auto it = tables_.find(rope);
    if (it != tables_.end()) return it->second;
    return tables_
        .emplace(rope, rope_tables(builder_, spec_.ropes[rope], pass_.past, pass_.length,
                                   weights_.dtype()))
        .first->second;
  }

  // [B,H,N,D], [B,G,N,D] and [B,G,N,D].
  std::array<Value, 3> queries_keys_values(const Value& x, const std::string& name) {
    const std::int64_t queries = spec_.heads * spec_.head_dim;
    const std::int64_t keys = spec_.key_heads * spec_.head_dim;
    const auto project = [&](const char* own, std::int64_t first, std::int64_t count,
                             std::int64_t heads) {
      const Value y = spec_.is_fused
                          ? fused(x, name + "qkv_proj", queries + 2 * keys, first, count)
                          : linear(weights_, x, name + own, count, spec_.has_attention_bias);
      return split_heads(y, heads);
    };
    return {project("q_proj", 0, queries, spec_.heads),
            project("k_proj", queries, keys, spec_.key_heads),
            project("v_proj", queries + keys, keys, spec_.key_heads)};
  }

  // x times `count` rows from `first` on of a matrix that holds several.
  Value fused(const Value& x, const std::string& name, std::int64_t rows, std::int64_t first,
              std::int64_t count) {
    const Extents extents{rows, *x.dim(-1).constant()};
    return weights_.linear(x, {weights_.rows(name + ".weight", extents, first, count)}, name);
  }

  Value head_norm(const Value& heads, const std::string& name) {
    return spec_.has_head_norms ? norm(heads, name) : heads;
  }

  Value feed(const Value& x, std::size_t index, const std::string& name) {
    return spec_.layers[index].has_experts ? feed_experts(x, name) : feed_dense(x, name);
  }

  Value feed_dense(const Value& x, const std::string& name) {
    const std::int64_t size = spec_.intermediate;
    const auto project = [&](const char* own, std::int64_t first) {
      return spec_.is_fused ? fused(x, name + "gate_up_proj", 2 * size, first, size)
                            : linear(weights_, x, name + own, size, spec_.has_mlp_bias);
    };
    const Value gate = project("gate_proj", 0);
    const Value up = project("up_proj", size);
    return linear(weights_, gated_activation(spec_.activation, gate, up), name + "down_proj",
                  spec_.hidden, spec_.has_mlp_bias);
  }

  Value feed_experts(const Value& x, const std::string& name) {
    const DecoderSpec::Experts& experts = spec_.experts;
    const Value tokens = x.reshape({x.dim(0) * x.dim(1), x.dim(2)});
    // Which experts compute is decided in f32: scores rounded to fewer bits would pick others.
    const Value router = weights_.get(name + "gate.weight", {experts.count, spec_.hidden});
    const Value scores =
        builder_.op("linear", {tokens.cast(Dtype::f32), router.cast(Dtype::f32)});
    const Value shares = builder_.op("softmax", {scores});
    const std::vector<Value> best = builder_.multi("top_k", {shares}, {{"k", experts.per_token}});
    Value chosen = best[0];
    if (experts.normalises) {
      chosen = chosen / builder_.op("reduce_sum", {chosen},
                                    {{"axes", std::vector<std::int64_t>{1}}, {"keep_dims", true}});
    }
    std::vector<Value> operands{tokens, chosen.cast(x.dtype()), best[1]};
    for (std::int64_t i = 0; i < experts.count; ++i) {
      for (Value& weight : expert(name + "experts.", i)) operands.push_back(std::move(weight));
    }
    return builder_
        .op("expert_mlp", std::move(operands),
            {{"activation", std::string(gate_of(spec_.activation))}}, name + "experts")
        .reshape(x.shape());
  }

  // Gate, up and down of one expert: matrices of its own, or slices of stacks.
  std::array<Value, 3> expert(const std::string& name, std::int64_t index) {
    const std::int64_t size = spec_.experts.intermediate;
    const std::int64_t hidden = spec_.hidden;
    if (weights_.has(name + "gate_up_proj")) {
      const Extents gate_up{spec_.experts.count, 2 * size, hidden};
      const Extents down{spec_.experts.count, hidden, size};
      return {weights_.matrix(name + "gate_up_proj", gate_up, index, 0, size),
              weights_.matrix(name + "gate_up_proj", gate_up, index, size, size),
              weights_.matrix(name + "down_proj", down, index, 0, hidden)};
    }
    const std::string own = fmt::format("{}{}.", name, index);
    return {weights_.get(own + "gate_proj.weight", {size, hidden}),
            weights_.get(own + "up_proj.weight", {size, hidden}),
            weights_.get(own + "down_proj.weight", {hidden, size})};
  }

  Construction& construction_;
  WeightBinder& weights_;
  GraphBuilder& builder_;
  const DecoderSpec& spec_;
  Pass pass_;
  std::map<std::size_t, RopeTables> tables_;
};

}  // namespace

void build_decoder(Construction& construction, const DecoderSpec& spec) {
  if (construction.form == ModelForm::generate && !spec.is_causal) {
    throw unsupported("a model with use_bidirectional_attention does not generate: {}",
                      construction.config.source());
  }
  DecoderBuilder(construction, spec).build();
}

}  // namespace paceline
