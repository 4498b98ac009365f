#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "common/graph/tensor.h"

// The standard's own tests (github.com/onnx/onnx, onnx/backend/test), run as a user would run them:
// imported, compiled with plain kernels, compared with what is recorded.
namespace paceline::conformance {

struct Case {
  std::string name;  // "node/test_abs"
  std::filesystem::path folder;
};

// Those of the folders "node", "simple", "pytorch-operator", "pytorch-converted" and "real" below
// `data` that have a model and recorded tensors, by name.
std::vector<Case> find_cases(const std::filesystem::path& data);

enum class Verdict {
  passed,
  failed,       // Refused as invalid, failed while running, or gave something else.
  unsupported,  // Refused with the reason.
  excluded,     // Strings, sequences, optionals, training and ai.onnx.ml: no aim of Paceline's.
};
std::string_view to_string(Verdict verdict);

struct Outcome {
  Verdict verdict = Verdict::failed;
  std::string reason;              // Empty when it passed.
  std::set<std::string> ops;       // All types in the model, with functions and bodies.
  std::vector<std::string> fixed;  // Inputs that had to be known before the run.
};

// Runs cases one by one. One thread.
class Runner {
 public:
  Runner();
  ~Runner();
  Outcome run(const Case& one);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "" when they agree as the standard's own runner demands (relative 1e-3, absolute 1e-7); else what
// differs.
std::string difference(const Tensor& found, const Tensor& expected);

}  // namespace paceline::conformance
