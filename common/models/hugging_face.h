#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/models/checkpoint.h"
#include "common/models/config.h"
#include "common/models/model.h"

namespace paceline {

// A directory with config.json and weights in safetensors, to a graph by the configuration alone.
Model load_hugging_face(const std::filesystem::path& folder, const ModelOptions& options = {});

// The same of parts that are already read; `end_tokens` stay empty.
Model build_hugging_face(const Config& config, const Checkpoint& checkpoint,
                         const ModelOptions& options = {});

// The values of model_type that are known: "bert", "gpt2", ...
std::vector<std::string> hugging_face_families();

}  // namespace paceline
