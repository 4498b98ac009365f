#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/models/safetensors.h"
#include "common/ops/block_format.h"

namespace paceline {

// The weights of a Hugging Face directory: model.safetensors, or the shards that
// model.safetensors.index.json lists. Mapped, not read.
struct Checkpoint {
  std::filesystem::path folder;
  TensorMap tensors;
  // Of tensors that are blocks of bytes, u8[rows, bytes]: how they read.
  std::map<std::string, const ops::BlockFormat*, std::less<>> blocks = {};
  // For messages: what asks for weights and says their shapes, and how the file itself calls the
  // weight of a published name; null: by that name.
  std::string_view settings = "config.json";
  std::function<std::string(std::string_view published)> own_name = {};
};

// Throws `invalid` naming what was expected where when weights or a shard are missing.
Checkpoint open_checkpoint(const std::filesystem::path& folder);

}  // namespace paceline
