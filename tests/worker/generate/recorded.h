#pragma once

#include <filesystem>
#include <string>

#include "common/models/model.h"

namespace paceline::test {

// The models of tests/data/models and what the public implementation made of them.
inline std::filesystem::path recorded_folder(const std::string& name) {
  return std::filesystem::path(PACELINE_TEST_DATA) / "models" / name;
}

inline TensorMap recorded(const std::string& name) {
  return read_safetensors(recorded_folder(name) / "golden.safetensors").tensors;
}

}  // namespace paceline::test
