#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/safetensors.h"

namespace paceline {

struct ModelInputs {
  TensorMap tensors;      // One for each input of the graph, of its dtype and shape.
  Bindings bindings;      // As given, completed from the tensors' extents.
  std::vector<std::string> skipped;  // Tensors of the file that the graph does not know.
};

// From a safetensors file. Throws `invalid` naming the input that is missing or has another dtype or
// shape, or a symbol that is bound twice to different numbers.
ModelInputs read_inputs(const Graph& graph, const std::filesystem::path& file,
                        const Bindings& given);

// Seeded random elements: normal for floats, below `index_bound` for integers.
ModelInputs draw_inputs(const Graph& graph, const Bindings& given, std::int64_t index_bound,
                        std::uint64_t seed);

}  // namespace paceline
