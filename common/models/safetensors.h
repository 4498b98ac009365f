#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/graph/tensor.h"

namespace paceline {

using TensorMap = std::map<std::string, Tensor, std::less<>>;

// The content of one safetensors file.
struct Safetensors {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

// Maps the file: tensors are views of it and keep it mapped, so reading costs no memory until
// elements are touched. Only a tensor that starts at no multiple of its element size is copied.
//
// Throws `invalid` with the path and the offending tensor and values for a file that the format
// does not allow: cut short, a header that is no JSON object or longer than the file, a name twice,
// an unknown dtype, offsets that are out of range, overlap, leave a hole or disagree with the
// shape.
Safetensors read_safetensors(const std::filesystem::path& path);

// The same of bytes that `owner` keeps alive; `source` names them in messages.
Safetensors parse_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                              std::string_view source);

// Readers see the old file or the new one, never half.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace paceline
