#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/base/error.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/import.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/conformance/cases.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/session.h"

namespace paceline::conformance {

namespace {

namespace fs = std::filesystem;
using namespace onnx;

constexpr std::int64_t string_type = 8;

std::shared_ptr<const std::vector<std::byte>> read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return std::make_shared<std::vector<std::byte>>(first, first + text.size());
}

Tensor read_recorded(const fs::path& path) {
  const auto bytes = read_bytes(path);
  Storage storage(*bytes, bytes, path.filename().string());
  return storage.tensor(onnx::read_tensor(*bytes, storage.source()));
}

void add_ops(const std::vector<NodeRecord>& nodes, std::set<std::string>& ops) {
  for (const NodeRecord& node : nodes) {
    ops.insert(node.domain.empty() ? node.op : node.domain + "." + node.op);
    for (const AttributeRecord& attribute : node.attributes) {
      if (attribute.graph) add_ops(attribute.graph->nodes, ops);
    }
  }
}

// Why Paceline does not aim at a case; "" when it does.
std::string exclusion(const ModelRecord& model, const std::set<std::string>& ops) {
  for (const std::string& op : ops) {
    for (const char* domain : {"ai.onnx.preview.training.", "ai.onnx.ml."}) {
      if (op.starts_with(domain)) return "of " + std::string(domain, std::strlen(domain) - 1);
    }
    for (const char* kind : {"Sequence", "Optional", "String"}) {
      if (op.starts_with(kind)) return "sequences, optionals or strings";
    }
    if (op == "Gradient") return "training";
  }
  const auto foreign = [](const ValueRecord& value) {
    return value.kind != "tensor" || value.element_type == string_type;
  };
  if (std::any_of(model.graph.inputs.begin(), model.graph.inputs.end(), foreign) ||
      std::any_of(model.graph.outputs.begin(), model.graph.outputs.end(), foreign)) {
    return "sequences, optionals or strings";
  }
  const auto is_string_constant = [](const NodeRecord& node) {
    const AttributeRecord* to = node.find("to");
    return node.op == "Cast" && to != nullptr && to->integer == string_type;
  };
  if (std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(), is_string_constant)) {
    return "sequences, optionals or strings";
  }
  return "";
}

// Recorded tensors of one run, by the model's names.
struct Recording {
  TensorMap inputs;
  std::vector<std::pair<std::string, Tensor>> outputs;
};

Recording read_recording(const fs::path& folder, const ModelRecord& model) {
  Recording recording;
  for (std::size_t i = 0; i < model.graph.inputs.size(); ++i) {
    const fs::path file = folder / fmt::format("input_{}.pb", i);
    if (fs::exists(file)) {
      recording.inputs.emplace(model.graph.inputs[i].name, read_recorded(file));
    }
  }
  for (std::size_t i = 0; i < model.graph.outputs.size(); ++i) {
    const fs::path file = folder / fmt::format("output_{}.pb", i);
    if (fs::exists(file)) {
      recording.outputs.emplace_back(model.graph.outputs[i].name, read_recorded(file));
    }
  }
  return recording;
}

struct Imported {
  Model model;
  std::vector<std::string> fixed;
};

// What a shape is made of is an input in the standard's tests: those that the importer asks for are
// given to it, one after the other.
Imported import(const fs::path& file, const Recording& recording) {
  OnnxOptions options;
  std::set<std::string> wanted;
  options.wanted_inputs = &wanted;
  for (;;) {
    wanted.clear();
    try {
      Imported imported{load_onnx(file, options), {}};
      for (const auto& [name, tensor] : options.fixed_inputs) imported.fixed.push_back(name);
      return imported;
    } catch (const Error& error) {
      const std::size_t before = options.fixed_inputs.size();
      for (const std::string& name : wanted) {
        const auto given = recording.inputs.find(name);
        if (given != recording.inputs.end()) options.fixed_inputs.insert(*given);
      }
      if (options.fixed_inputs.size() == before) throw;
    }
  }
}

// Symbols take the extents of the recorded inputs.
Bindings bindings_of(const Graph& graph, const TensorMap& inputs) {
  Bindings bindings;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input) continue;
    const auto given = inputs.find(node.name);
    if (given == inputs.end()) throw invalid("no recorded input: {}", node.name);
    const Shape& shape = node.outputs[0].shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto symbols = shape[axis].symbols();
      if (symbols.size() == 1 && shape[axis] == Dim::symbol(*symbols.begin())) {
        bindings[*symbols.begin()] = given->second.extents().at(axis);
      }
    }
  }
  return bindings;
}

GraphDispatcher::Options plain_options() {
  GraphDispatcher::Options options;
  options.choose.plain_only = true;
  options.search.enabled = false;
  return options;
}

}  // namespace

struct Runner::Impl {
  GraphDispatcher dispatcher{ops::all_ops(), kernels::all_kernels(), nullptr, plain_options()};

  std::map<std::string, Tensor> execute(const Model& model, const Recording& recording,
                                        const Bindings& bindings) {
    Planned planned = plan(model.graph, bindings, dispatcher, ops::all_ops(),
                           kernels::all_kernels(), nullptr, nullptr);
    Session session(std::move(planned.plan), ops::all_ops(), kernels::all_kernels(), model.weights,
                    {});
    session.bind(bindings);
    for (const Node& node : model.graph.nodes()) {
      if (node.kind == NodeKind::input) {
        session.set_input(node.name, recording.inputs.find(node.name)->second);
      }
    }
    session.run();
    std::map<std::string, Tensor> outputs;
    for (const NamedOutput& output : model.graph.outputs()) {
      outputs.emplace(output.name, dense_copy(session.output(output.name)));
    }
    return outputs;
  }

  // Whether the ops' references, at least, give what is recorded.
  static bool reference_agrees(const Model& model, const Recording& recording,
                               const Bindings& bindings) {
    std::map<std::string, Tensor> inputs(recording.inputs.begin(), recording.inputs.end());
    const auto found = interpret(model.graph, ops::all_ops(), bindings, inputs, model.weights);
    return std::all_of(recording.outputs.begin(), recording.outputs.end(), [&](const auto& output) {
      return difference(found.at(output.first).cast(output.second.dtype()), output.second).empty();
    });
  }

  void run_recordings(const Case& one, const ModelRecord& record, Outcome& outcome) {
    for (int set = 0;; ++set) {
      const fs::path folder = one.folder / fmt::format("test_data_set_{}", set);
      if (!fs::is_directory(folder)) return;
      const Recording recording = read_recording(folder, record);
      if (recording.outputs.empty()) throw invalid("no outputs are recorded");
      const Imported imported = import(one.folder / "model.onnx", recording);
      outcome.fixed = imported.fixed;
      const Bindings bindings = bindings_of(imported.model.graph, recording.inputs);
      const auto found = execute(imported.model, recording, bindings);
      for (const auto& [name, expected] : recording.outputs) {
        const std::string wrong = difference(found.at(name), expected);
        if (wrong.empty()) continue;
        const bool agrees = reference_agrees(imported.model, recording, bindings);
        throw invalid(
            "output \"{}\": {}{}", name, wrong,
            agrees ? "; the reference agrees with what is recorded, a kernel does not" : "");
      }
    }
  }
};

Runner::Runner() : impl_(std::make_unique<Impl>()) {}
Runner::~Runner() = default;

Outcome Runner::run(const Case& one) {
  Outcome outcome;
  try {
    const auto bytes = read_bytes(one.folder / "model.onnx");
    const ModelRecord record = read_model(*bytes, "model.onnx");
    add_ops(record.graph.nodes, outcome.ops);
    for (const auto& [key, function] : record.functions) add_ops(function.nodes, outcome.ops);
    outcome.reason = exclusion(record, outcome.ops);
    if (!outcome.reason.empty()) {
      outcome.verdict = Verdict::excluded;
      return outcome;
    }
    impl_->run_recordings(one, record, outcome);
    outcome.verdict = Verdict::passed;
  } catch (const Error& error) {
    const bool is_unsupported = error.kind() == ErrorKind::unsupported;
    outcome.verdict = is_unsupported ? Verdict::unsupported : Verdict::failed;
    outcome.reason = error.what();
  } catch (const std::exception& error) {
    outcome.reason = error.what();
  }
  const std::string place = (one.folder / "model.onnx").string() + ": ";
  for (std::size_t at; (at = outcome.reason.find(place)) != std::string::npos;) {
    outcome.reason.erase(at, place.size());
  }
  return outcome;
}

}  // namespace paceline::conformance
