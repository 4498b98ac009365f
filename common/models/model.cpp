#include "common/models/model.h"

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/models/gguf_model.h"
#include "common/models/hugging_face.h"
#include "common/models/onnx/import.h"
#include "common/ops/all_ops.h"

namespace paceline {

namespace {

namespace fs = std::filesystem;

Model load_text(const fs::path& path) {
  Model model;
  model.graph = parse_graph(read_text_file(path), ops::all_ops());
  const fs::path weights = fs::path(path).replace_extension(".safetensors");
  if (fs::exists(weights)) model.weights = read_safetensors(weights).tensors;
  for (const Node& node : model.graph.nodes()) {
    if (node.kind == NodeKind::state) model.states.push_back(node.name);
    if (node.kind == NodeKind::weight && !model.weights.contains(node.name)) {
      throw invalid("{}: a weight is missing, expected in {}: {}", path.string(), weights.string(),
                    node.name);
    }
  }
  return model;
}

// An ONNX file says itself what is computed, and in which type.
Model load_as_it_is(const fs::path& path, const ModelOptions& options) {
  if (options.dtype) {
    throw unsupported("an ONNX file's element types are its own, leave out the dtype: {}: {}",
                      to_string(*options.dtype), path.string());
  }
  if (options.form != ModelForm::forward) {
    throw unsupported("an ONNX file has no form for generation: {}", path.string());
  }
  return load_onnx(path, {.fixed_inputs = options.fixed_inputs});
}

}  // namespace

Model load_model(const fs::path& path, const ModelOptions& options) {
  if (!fs::exists(path)) throw invalid("no such model: {}", path.string());
  if (!options.fixed_inputs.empty() && path.extension() != ".onnx") {
    throw unsupported("only inputs of an ONNX file can be fixed, leave that out: {}: {}",
                      options.fixed_inputs.begin()->first, path.string());
  }
  if (fs::is_directory(path)) return load_hugging_face(path, options);
  const std::string extension = path.extension().string();
  if (extension == ".paceline") return load_text(path);
  if (extension == ".gguf") return load_gguf(path, options);
  if (extension == ".onnx") return load_as_it_is(path, options);
  throw invalid(
      "a model is a Hugging Face directory, an .onnx or .gguf file or a .paceline graph: {}",
      path.string());
}

}  // namespace paceline
