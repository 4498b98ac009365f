#pragma once

#include "common/models/gguf.h"
#include "common/models/model.h"

namespace paceline {

// The model of a GGUF file: Llama (and Mistral, which says llama), Qwen2, Qwen3, Gemma 3, Phi-3.
// Blocks stay as they are in the file, bytes of the map, and products take them as they are; rows
// of queries and keys of llama files stand in another order, so that each load copies these two.
// Without a dtype in `options`, activations are of the embedding's type, f32 where it is blocks.
//
// Throws `invalid` for what is wrong with the file, `unsupported` for another architecture, listing
// those known, for mixtures of experts, and for tensors that the model does not read, naming them.
Model load_gguf(const std::filesystem::path& path, const ModelOptions& options);
Model build_gguf(const Gguf& file, const ModelOptions& options);

}  // namespace paceline
