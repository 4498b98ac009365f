#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/models/safetensors.h"

namespace paceline::bench {

// ONNX Runtime through its C API, from a shared library that is found while running: this project
// neither builds nor ships it. One thread.
class OnnxRuntime {
 public:
  enum class Optimisation { basic = 1, extended = 2, all = 99 };  // As the C API numbers them.

  // Throws `unavailable` when the library cannot be loaded or is older than 1.16.
  explicit OnnxRuntime(const std::filesystem::path& library);
  ~OnnxRuntime();
  OnnxRuntime(const OnnxRuntime&) = delete;
  OnnxRuntime& operator=(const OnnxRuntime&) = delete;

  std::string version() const;

  // Throws `unsupported` with what it says when the model does not load.
  void load(const std::filesystem::path& model, int threads, Optimisation level);
  // Throws `invalid` for an input that is missing. Borrowed: the tensors must live on.
  void feed(const TensorMap& inputs);
  void run();  // The first allocates the outputs, the others write there again.
  TensorMap outputs() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::bench
