#pragma once

#include <cstdint>
#include <filesystem>

namespace paceline::test {

// The shape of a published Qwen3 model; the defaults are Qwen3-0.6B's.
struct Qwen3Shape {
  int layers = 28;
  int hidden = 1024;
  int heads = 16;
  int key_value_heads = 8;
  int head_dim = 128;
  int intermediate = 3072;
  int vocabulary = 151936;
};

// Writes config.json and model.safetensors (bf16, seeded random weights, tied embeddings) into
// `folder`, streaming: memory stays small. Does nothing when both are there.
void write_random_qwen3(const std::filesystem::path& folder, const Qwen3Shape& shape,
                        std::uint64_t seed);

}  // namespace paceline::test
