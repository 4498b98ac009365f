#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/safetensors.h"

namespace paceline {

enum class ModelForm {
  // One pass over whole sequences: symbols B and N.
  forward,
  // Pass after pass over growing sequences: symbols B, N, past and capacity. Keys and values of the
  // first `past` positions are in states of `capacity` positions; `logits` are of the last
  // position.
  generate,
};

struct ModelOptions {
  ModelForm form = ModelForm::forward;
  // Element type of weights and activations; nullopt: as the configuration says, else as the
  // weights are stored. Weights stored in another type are converted once, at load, into memory of
  // their own: f32 for a model stored in bf16 takes twice the file's size. Weights that keep their
  // type stay mapped from the file.
  std::optional<Dtype> dtype = {};
  // Inputs of an ONNX file that are no inputs of the graph but constants of it: what a shape is made
  // of must be known before the run.
  TensorMap fixed_inputs = {};
};

// A graph with its weights, and what a caller must know to feed it.
//
// Inputs are `input_ids` i64[B,N] or `pixel_values` [B,C,H,W]; outputs `logits` [B,N,V] (in the
// generate form [B,1,V]) or `last_hidden_state` [B,N,hidden].
struct Model {
  Graph graph;
  TensorMap weights;
  std::string family;           // "llama"; empty for a graph in text form.
  std::int64_t vocabulary = 0;  // Token ids are below it; 0: no token ids.
  std::vector<std::int64_t> end_tokens;
  // The longest sequence, where a learned table ends there. Rotary positions have no end.
  std::optional<std::int64_t> positions_max;
  std::vector<std::string> states;
};

// A Hugging Face directory, or a graph in text form (NAME.paceline, with the weights in
// NAME.safetensors beside it when it has any). Throws `invalid` for what is wrong with the files,
// `unsupported` for sound ones that cannot be served.
Model load_model(const std::filesystem::path& path, const ModelOptions& options = {});

}  // namespace paceline
