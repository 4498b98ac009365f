#include <gmock/gmock.h>

#include "common/models/gguf_model.h"
#include "common/ops/all_ops.h"
#include "common/ops/block_codes.h"
#include "tests/common/models/converted_gguf.h"
#include "worker/execute/session.h"

// Quantised models compute what the floats that their blocks stand for compute.
namespace paceline::test {
namespace {

// The file with every tensor of blocks as the f32 that it stands for.
Gguf in_floats(Gguf file) {
  for (auto& [name, entry] : file.tensors) {
    if (entry.blocks == nullptr) continue;
    Tensor floats(Dtype::f32, entry.extents);
    ops::dequantize_row(*entry.blocks, entry.tensor.as<std::uint8_t>(), floats.element_count(),
                        floats.as<float>());
    entry = {floats, nullptr, entry.extents};
  }
  return file;
}

Tensor tokens(std::int64_t count) {
  Tensor ids(Dtype::i64, {1, count});
  for (std::int64_t i = 0; i < count; ++i) ids.as<std::int64_t>()[i] = i * 37 % 300;
  return ids;
}

Tensor logits_of(const Model& model, const Tensor& ids) {
  const Bindings bindings{{"B", 1}, {"N", ids.extents()[1]}};
  return interpret(model.graph, ops::all_ops(), bindings, {{"input_ids", ids}}, model.weights)
      .at("logits");
}

TEST(QuantisedModel, IsTheModelOfItsFloats) {
  for (const auto& [name, architecture] :
       {std::pair("qwen3", "qwen3"), std::pair("llama", "llama"), std::pair("phi3", "phi3")}) {
    for (const char* format : {"q8_0", "q4_0"}) {
      SCOPED_TRACE(fmt::format("{} {}", name, format));
      const Gguf file = parsed(ConvertedGguf(name, architecture, format).bytes());
      const Tensor ids = tokens(9);
      const Tensor own = logits_of(build_gguf(file, {}), ids);
      const Tensor of_floats = logits_of(build_gguf(in_floats(file), {}), ids);
      EXPECT_LT(compare(own.view(), of_floats.view()).relative, 1e-10);
      const Tensor exact = logits_of(load_model(recorded_model(name)), ids);
      const double lost = compare(own.view(), exact.view()).relative;
      EXPECT_LT(lost, format == std::string("q8_0") ? 0.03 : 0.5);
      EXPECT_GT(lost, 1e-4);
    }
  }
}

}  // namespace
}  // namespace paceline::test
