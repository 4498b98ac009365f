#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "common/models/model.h"

namespace paceline {

struct OnnxOptions {
  // Inputs whose elements are given here are no inputs of the graph but constants of it: what a
  // shape is made of must be known before the run.
  TensorMap fixed_inputs = {};
  // When not null: filled with the inputs whose elements must be fixed for this file.
  std::set<std::string>* wanted_inputs = nullptr;
};

// An ONNX file, with its external data, to a graph whose inputs, weights and outputs are called as
// in the file. Opsets up to 24 of the standard's own domain and what ONNX Runtime's exporters use
// of com.microsoft. Extents with a name become symbols, those without are called after their input
// and axis ("x_0"). Initialisers are views of the mapped file where their bytes lie aligned.
//
// Throws `invalid` for what the format forbids, naming the node or tensor; `unsupported` for all
// nodes at once that cannot be translated.
Model load_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});

// The same of bytes that `owner` keeps alive; external data is refused.
Model parse_onnx(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                 const std::string& source, const OnnxOptions& options = {});

}  // namespace paceline
