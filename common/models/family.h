#pragma once

#include <string>

#include "common/models/config.h"
#include "common/models/layers.h"
#include "common/models/model.h"
#include "common/models/weight_binder.h"

namespace paceline {

// What stands on the trunk, by the suffix of the architecture's name.
enum class Head {
  none,           // ...Model: last_hidden_state
  causal,         // ...ForCausalLM, ...LMHeadModel: logits
  masked,         // ...ForMaskedLM: logits
  image_classes,  // ...ForImageClassification: logits
};

// One model under construction. A family's builder adds its nodes and outputs and fills in
// what the model says of itself.
struct Construction {
  const Config& config;
  WeightBinder& weights;
  ModelForm form;
  Head head;
  Model& model;
};

void build_gpt2(Construction& construction);
void build_llama(Construction& construction);
void build_mistral(Construction& construction);
void build_phi3(Construction& construction);
void build_qwen3(Construction& construction);
void build_gemma3(Construction& construction);
void build_qwen3_moe(Construction& construction);
void build_bert(Construction& construction);
void build_vit(Construction& construction);

// Adds the outputs of a language model over the last hidden states x [B,N,hidden]: logits, of the
// last position only when generating, or x itself where there is no head. The head's weight is
// lm_head.weight, or the embedding's where the file has none and `is_tied`.
struct LanguageHead {
  std::string embedding;  // Its name in the checkpoint.
  bool is_tied = false;
  double softcap = 0;  // 0: none.
};
void add_language_head(Construction& construction, const Value& x, const LanguageHead& head);

// The state of layer `layer` for `part` ("key", "value"), told to the model.
std::string add_state(Construction& construction, std::int64_t layer, const char* part);

}  // namespace paceline
