#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/models/onnx/import.h"
#include "tests/common/models/onnx/onnx_writer.h"
#include "tests/support/evaluate.h"

// Files of onnx_writer.h, read and run.
namespace paceline::test {

inline Model import(const std::string& bytes, const OnnxOptions& options = {}) {
  const auto owned = std::make_shared<std::string>(bytes);
  return parse_onnx(std::as_bytes(std::span(*owned)), owned, "m.onnx", options);
}
inline Model import(const OnnxGraph& graph, std::int64_t opset = 17) {
  return import(onnx_model(graph, opset));
}

// "accepted", or the message of an error of this kind that names the file.
inline std::string refusal(const std::string& bytes, ErrorKind kind) {
  try {
    import(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), ::testing::HasSubstr("m.onnx"));
    return error.what();
  }
  return "accepted";
}
inline std::string refusal(const OnnxGraph& graph, ErrorKind kind, std::int64_t opset = 17) {
  return refusal(onnx_model(graph, opset), kind);
}

inline std::vector<double> run(const Model& model, std::vector<Tensor> inputs,
                               const Bindings& bindings = {}) {
  return evaluate(model.graph, inputs, bindings)[0].to_doubles();
}

inline Tensor longs(const std::vector<std::int64_t>& elements) {
  return Tensor::of<std::int64_t>({std::ssize(elements)}, elements);
}

}  // namespace paceline::test
