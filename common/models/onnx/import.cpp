#include "common/models/onnx/import.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/fold.h"
#include "common/models/onnx/scope.h"
#include "common/models/onnx/symbols.h"
#include "common/models/onnx/translate.h"
#include "common/ops/all_ops.h"

namespace paceline {

namespace {

using namespace onnx;

constexpr std::int64_t opset_min = 1;
constexpr std::int64_t opset_max = 24;
constexpr std::size_t complaints_max = 24;
constexpr int nesting_max = 48;              // Functions within functions, bodies within bodies.
constexpr std::int64_t nodes_max = 200'000;  // After functions are inlined and loops unrolled.
constexpr std::int64_t names_a_node = 16;  // A node with more operands and results counts as more.
constexpr std::int64_t built_max = 1'000'000;   // Nodes that these become.
constexpr std::int64_t folded_max = 8'000'000;  // Nodes that are computed while the file is read.
constexpr std::int64_t copied_bytes_max = std::int64_t{1} << 28;  // Of functions' nodes.
constexpr std::int64_t table_bytes_max = std::int64_t{1} << 30;   // Of what nodes share.

// The graph without what no output needs. Inputs stay: they are the file's interface.
Graph without_dead(const Graph& graph, const OpSet& ops) {
  std::vector<bool> live(graph.nodes().size());
  for (const NamedOutput& output : graph.outputs()) live[output.value.node] = true;
  for (std::size_t n = live.size(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    if (node.kind == NodeKind::input) live[n] = true;
    if (!live[n]) continue;
    for (const ValueRef ref : node.inputs) live[ref.node] = true;
  }
  GraphBuilder builder(ops, graph.name());
  std::vector<std::vector<Value>> values(live.size());
  for (std::size_t n = 0; n < live.size(); ++n) {
    if (!live[n]) continue;
    std::vector<Value> inputs;
    for (const ValueRef ref : graph.nodes()[n].inputs) {
      inputs.push_back(values[ref.node][ref.output]);
    }
    values[n] = builder.copy(graph, static_cast<std::int32_t>(n), inputs);
  }
  for (const NamedOutput& output : graph.outputs()) {
    builder.output(output.name, values[output.value.node][output.value.output]);
  }
  return builder.finish();
}

class Importer : public Reader {
 public:
  Importer(Storage storage, const OnnxOptions& options)
      : options_(options),
        storage_(std::move(storage)),
        model_(read_model(storage_.bytes(), storage_.source())),
        builder_(ops::all_ops(), model_.graph.name.empty() ? "onnx" : model_.graph.name),
        materialiser_(builder_) {}

  Model run() {
    check_opsets();
    find_unknown_ops(model_.graph.nodes, nullptr);
    refuse_complaints();
    Scope scope(nullptr, model_.opsets);
    declare_inputs(scope);
    read_nodes(model_.graph, scope);
    refuse_complaints();
    define_outputs(scope);
    Model model;
    model.graph = without_dead(builder_.finish(), ops::all_ops());
    for (auto& [name, tensor] : materialiser_.take_weights()) {
      if (model.graph.find(NodeKind::weight, name)) model.weights.emplace(name, tensor);
    }
    model.family = "onnx";
    return model;
  }

  std::vector<Term> read(const GraphRecord& graph, std::vector<Term> inputs,
                         const Scope& outer) override {
    const Nesting nesting(*this);
    spend(graph.inputs.size() + graph.outputs.size() + graph.initialisers.size());
    Scope scope(&outer, outer.opsets());
    if (graph.inputs.size() > inputs.size()) {
      throw invalid("graph \"{}\" has {} inputs where {} are given", graph.name,
                    graph.inputs.size(), inputs.size());
    }
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
      scope.define(graph.inputs[i].name, inputs[i]);
    }
    read_nodes(graph, scope);
    std::vector<Term> outputs;
    for (const ValueRecord& output : graph.outputs) {
      outputs.push_back(require(scope, output.name, "a graph's output"));
    }
    return outputs;
  }

  Tensor tensor(const TensorRecord& record) override { return storage_.tensor(record); }

  Term shared(const std::string& name, const std::function<Known()>& make) override {
    const auto made = shared_.find(name);
    if (made != shared_.end()) return made->second;
    const Term term(make());
    shared_bytes_ += term.known()->numbers ? term.known()->numbers->size_bytes() : 0;
    if (std::cmp_greater(shared_bytes_, table_bytes_max)) {
      throw unsupported("tables of more than {} bytes in all", table_bytes_max);
    }
    return shared_.emplace(name, term).first->second;
  }

  void want(const Value& value) override {
    if (&value.builder() != &builder_ || options_.wanted_inputs == nullptr) return;
    const auto origin = origins_.find(value.ref());
    if (origin == origins_.end()) return;
    options_.wanted_inputs->insert(origin->second.begin(), origin->second.end());
  }

 private:
  // Ends the reading at once, where other refusals are gathered.
  struct Excess : Error {
    explicit Excess(const std::string& message) : Error(ErrorKind::unsupported, message) {}
  };

  // Thrown where a value is missing because its node is not supported, which is said already.
  struct Unknown {};

  class Nesting {
   public:
    explicit Nesting(Importer& importer) : importer_(importer) {
      if (++importer_.nesting_ > nesting_max) {
        --importer_.nesting_;
        throw invalid("functions or graphs are nested more than {} deep", nesting_max);
      }
    }
    ~Nesting() { --importer_.nesting_; }

   private:
    Importer& importer_;
  };

  void check_opsets() {
    for (const auto& [name, function] : model_.functions) {
      check_opset(function.opsets, fmt::format("function {}.{}: ", name.first, name.second));
    }
    check_opset(model_.opsets, "");
    if (model_.opsets.empty()) {
      throw invalid("{}: the file does not say which opset it uses", source());
    }
    model_.opsets.emplace("", opset_max);
  }

  void check_opset(const Opsets& opsets, std::string_view place) const {
    const auto standard = opsets.find("");
    if (standard == opsets.end()) return;
    if (standard->second < opset_min || standard->second > opset_max) {
      throw unsupported("{}: {}opsets {} to {} are supported: {}", source(), place, opset_min,
                        opset_max, standard->second);
    }
  }

  // Before anything is translated, so that all are told at once.
  void find_unknown_ops(const std::vector<NodeRecord>& nodes, const FunctionRecord* within,
                        int depth = 0) {
    if (depth > nesting_max) return;
    for (const NodeRecord& node : nodes) {
      const auto function = model_.functions.find({node.domain, node.op});
      if (function != model_.functions.end()) {
        if (seen_functions_.insert(function->first).second) {
          find_unknown_ops(function->second.nodes, &function->second, depth + 1);
        }
        continue;
      }
      if (find_translator(node.domain, node.op) == nullptr) {
        complain(node, within == nullptr ? "no such op here"
                                         : fmt::format("no such op here, in function {}.{}",
                                                       within->domain, within->name));
      }
      for (const AttributeRecord& attribute : node.attributes) {
        if (attribute.graph) find_unknown_ops(attribute.graph->nodes, within, depth + 1);
      }
    }
  }

  void complain(const NodeRecord& node, std::string_view why) {
    std::string place = describe(node);
    for (auto outer = places_.rbegin(); outer != places_.rend(); ++outer) {
      place += ", within " + *outer;
    }
    std::string complaint = fmt::format("{}: {}", place, why);
    // An unrolled loop says the same in every round.
    if (said_.insert(complaint).second) complaints_.push_back(std::move(complaint));
  }

  void refuse_complaints() const {
    if (complaints_.empty()) return;
    std::string list;
    for (std::size_t i = 0; i < std::min(complaints_.size(), complaints_max); ++i) {
      if (i > 0) list += "; ";
      list += complaints_[i];
    }
    if (complaints_.size() > complaints_max) {
      list += fmt::format("; and {} more", complaints_.size() - complaints_max);
    }
    throw unsupported(
        "{}: {} not supported: {}", source(),
        complaints_.size() == 1 ? "one node is" : fmt::format("{} nodes are", complaints_.size()),
        list);
  }

  const std::string& source() const { return storage_.source(); }

  void declare_inputs(Scope& scope) {
    std::set<std::string> initialised;
    for (const TensorRecord& record : model_.graph.initialisers) initialised.insert(record.name);
    require_inputs(initialised);
    Symbols symbols;
    for (const ValueRecord& input : model_.graph.inputs) {
      if (initialised.contains(input.name)) continue;  // A default value, which stays.
      const auto fixed = options_.fixed_inputs.find(input.name);
      if (fixed != options_.fixed_inputs.end()) {
        require_fits(fixed->second, input);
        scope.define(input.name, Term(Known::of(fixed->second)));
        continue;
      }
      const Value value = builder_.input(input.name, type_of(input, symbols));
      origins_[value.ref()] = {input.name};
      scope.define(input.name, Term(value));
    }
  }

  void require_inputs(const std::set<std::string>& initialised) const {
    for (const auto& [name, tensor] : options_.fixed_inputs) {
      const bool is_input =
          std::ranges::any_of(model_.graph.inputs,
                              [&](const ValueRecord& input) { return input.name == name; }) &&
          !initialised.contains(name);
      if (!is_input) throw invalid("{}: no input to fix: \"{}\"", source(), name);
    }
  }

  void require_fits(const Tensor& tensor, const ValueRecord& input) const {
    if (!input.shape) return;
    Symbols names;
    const TensorType type = type_of(input, names);
    const bool fits =
        tensor.dtype() == type.dtype &&
        std::ranges::equal(tensor.extents(), type.shape, [](std::int64_t extent, const Dim& dim) {
          return !dim.is_constant() || dim.constant() == extent;
        });
    if (fits) return;
    throw invalid("{}: input \"{}\" must be fixed as {}, not {}{}", source(), input.name,
                  type.to_string(), to_string(tensor.dtype()), to_string(tensor.extents()));
  }

  TensorType type_of(const ValueRecord& input, Symbols& symbols) const {
    const std::string what = fmt::format("{}: input \"{}\"", source(), input.name);
    if (input.kind != "tensor") {
      throw unsupported("{} must be a tensor: it is a {}", what, input.kind);
    }
    const Dtype dtype = require_dtype(input.element_type, what);
    if (!input.shape)
      throw unsupported("{} has no shape: how many axes it has must be known", what);
    Shape shape;
    for (std::size_t axis = 0; axis < input.shape->size(); ++axis) {
      const DimRecord& dim = (*input.shape)[axis];
      if (dim.value && *dim.value < 0) {
        throw invalid("{} has a negative extent: {} of axis {}", what, *dim.value, axis);
      }
      shape.push_back(dim.value ? Dim(*dim.value)
                                : symbols.extent(dim.name, fmt::format("{}_{}", input.name, axis)));
    }
    return {dtype, std::move(shape)};
  }

  // `initialisers` become terms when a node asks for them, so that unused ones cost nothing.
  void define_initialisers(const GraphRecord& graph, Scope& scope,
                           const std::set<std::string>& names) {
    if (graph.has_sparse_initialisers) {
      throw unsupported("{}: sparse initialisers are not supported", source());
    }
    for (const TensorRecord& record : graph.initialisers) {
      if (!names.contains(record.name)) continue;
      const auto made = initialisers_.find(&record);
      if (made != initialisers_.end()) {
        scope.define(record.name, made->second);
        continue;
      }
      if (!onnx::dtype_of(record.element_type)) {
        std::string complaint =
            fmt::format("tensor \"{}\": elements of {}", record.name, name_of(record.element_type));
        if (said_.insert(complaint).second) complaints_.push_back(std::move(complaint));
        scope.define(record.name, std::nullopt);
        continue;
      }
      const Term term(Known::of(storage_.tensor(record), record.name));
      initialisers_.emplace(&record, term);
      scope.define(record.name, term);
    }
  }

  // What is the same whenever a graph is read.
  struct Reading {
    std::set<std::string> names;
    std::optional<std::vector<const NodeRecord*>> order;
  };

  void read_nodes(const GraphRecord& graph, Scope& scope) {
    const auto [place, is_new] = readings_.try_emplace(&graph);
    Reading& reading = place->second;
    if (is_new) {
      for (const ValueRecord& output : graph.outputs) reading.names.insert(output.name);
      add_names(graph.nodes, reading.names);
    }
    define_initialisers(graph, scope, reading.names);
    if (!reading.order) reading.order = ordered(pointers_to(graph.nodes), scope);
    for (const NodeRecord* node : *reading.order) read_node(*node, scope);
  }

  static void add_names(const std::vector<NodeRecord>& nodes, std::set<std::string>& names) {
    for (const NodeRecord& node : nodes) {
      names.insert(node.inputs.begin(), node.inputs.end());
      for (const AttributeRecord& attribute : node.attributes) {
        if (!attribute.graph) continue;
        add_names(attribute.graph->nodes, names);
        for (const ValueRecord& output : attribute.graph->outputs) names.insert(output.name);
      }
    }
  }

  std::vector<const NodeRecord*> ordered(const std::vector<const NodeRecord*>& nodes,
                                         const Scope& scope) const {
    const auto is_outside = [&](const std::string& name) { return scope.has(name); };
    return in_order(nodes, is_outside, source());
  }

  // Counts a node or a graph with so many names.
  void spend(std::size_t names) {
    node_count_ += 1 + static_cast<std::int64_t>(names) / names_a_node;
    if (node_count_ > nodes_max) too_large(nodes_max);
  }

  void too_large(std::int64_t count_max) const {
    throw Excess(
        fmt::format("{}: more than {} nodes after functions are inlined and loops unrolled",
                    source(), count_max));
  }

  void read_node(const NodeRecord& node, Scope& scope) {
    spend(node.inputs.size() + node.outputs.size());
    std::vector<std::optional<Term>> outputs(node.outputs.size());
    try {
      std::vector<Term> terms = translate(node, scope);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (i < terms.size()) {
          outputs[i] = terms[i];
        } else if (!node.outputs[i].empty()) {
          complain(node, fmt::format("its output {}", i));
        }
      }
    } catch (const Unknown&) {
    } catch (const Excess&) {
      throw;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw placed(node, error);
      complain(node, error.what());
    } catch (const std::out_of_range&) {
      throw invalid("{}: {}: an operand has fewer axes than it must", source(), describe(node));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!node.outputs[i].empty()) scope.define(node.outputs[i], outputs[i]);
    }
  }

  Error placed(const NodeRecord& node, const Error& error) const {
    const std::string_view message = error.what();
    if (message.starts_with(source())) return error;
    return {error.kind(), fmt::format("{}: {}: {}", source(), describe(node), message)};
  }

  Term require(const Scope& scope, const std::string& name, std::string_view what) const {
    const std::optional<Term>* term = scope.find(name);
    if (term == nullptr) {
      throw invalid("{}: {} is a value that nothing gives: \"{}\"", source(), what, name);
    }
    if (!*term) throw Unknown{};
    return **term;
  }

  std::vector<Term> translate(const NodeRecord& node, const Scope& scope) {
    std::vector<std::optional<Term>> inputs;
    for (const std::string& name : node.inputs) {
      if (name.empty()) {
        inputs.push_back(std::nullopt);
      } else {
        inputs.push_back(require(scope, name, describe(node) + " reads what"));
      }
    }
    const auto function = model_.functions.find({node.domain, node.op});
    if (function != model_.functions.end()) return inlined(function->second, node, inputs);
    const auto constant = constants_.find(&node);
    if (constant != constants_.end()) return constant->second;
    const Translate translator = find_translator(node.domain, node.op);
    check(translator != nullptr, "unknown ops were found before");
    const auto opset = scope.opsets().find(node.domain);
    if (opset == scope.opsets().end() && node.domain.empty()) {
      throw invalid("a function that uses the standard's ops must say which opset it imports");
    }
    const std::int64_t version = opset == scope.opsets().end() ? 1 : opset->second;
    places_.push_back(describe(node));
    const struct Leave {
      std::vector<std::string>& places;
      ~Leave() { places.pop_back(); }
    } leave{places_};
    if (auto folded = try_fold(translator, node, version, inputs, scope)) return *folded;
    Call call(node, version, inputs, materialiser_, *this, scope);
    std::vector<Term> outputs = translator(call);
    if (node_of_last(outputs) >= built_max) too_large(built_max);
    if (inputs.empty() && !has_graphs(node) && is_known(outputs)) {
      constants_.emplace(&node, outputs);
    }
    if (options_.wanted_inputs != nullptr) trace(inputs, outputs);
    return outputs;
  }

  static bool has_graphs(const NodeRecord& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(),
                       [](const AttributeRecord& attribute) { return attribute.graph != nullptr; });
  }

  static bool is_known(const std::vector<Term>& terms) {
    return std::all_of(terms.begin(), terms.end(),
                       [](const Term& term) { return term.known() != nullptr; });
  }

  // Builders append, so that this is about how many nodes there are.
  static std::int64_t node_of_last(const std::vector<Term>& terms) {
    std::int64_t last = 0;
    for (const Term& term : terms) {
      if (term.known() == nullptr) last = std::max<std::int64_t>(last, term.value().ref().node);
    }
    return last;
  }

  void trace(const std::vector<std::optional<Term>>& inputs, const std::vector<Term>& outputs) {
    std::set<std::string> origins;
    for (const std::optional<Term>& input : inputs) {
      if (!input || input->known() != nullptr) continue;
      const std::set<std::string>& more = origins_[input->value().ref()];
      origins.insert(more.begin(), more.end());
    }
    for (const Term& output : outputs) {
      if (output.known() == nullptr)
        origins_[output.value().ref()].insert(origins.begin(), origins.end());
    }
  }

  // What depends on small known elements alone is computed here and now.
  std::optional<std::vector<Term>> try_fold(Translate translator, const NodeRecord& node,
                                            std::int64_t version,
                                            const std::vector<std::optional<Term>>& inputs,
                                            const Scope& scope) {
    if (inputs.empty()) return std::nullopt;
    if (has_graphs(node)) return std::nullopt;
    for (const std::optional<Term>& input : inputs) {
      if (!input) continue;
      const Known* known = input->known();
      if (known == nullptr || is_weight(*known) || known->element_count() > folded_count_max) {
        return std::nullopt;
      }
    }
    GraphBuilder scratch(ops::all_ops());
    Materialiser materialiser(scratch);
    Call call(node, version, inputs, materialiser, *this, scope);
    std::vector<Term> terms = translator(call);
    folded_count_ += node_of_last(terms);
    if (folded_count_ > folded_max) too_large(folded_max);
    bool has_values = false;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (terms[i].known() != nullptr) continue;
      scratch.output(fmt::format("{}", i), terms[i].value());
      has_values = true;
    }
    if (!has_values) return terms;
    auto folded = fold(scratch.finish(), ops::all_ops());
    if (!folded) return std::nullopt;
    auto next = folded->begin();
    for (Term& term : terms) {
      if (term.known() == nullptr) term = Term(std::move(*next++));
    }
    return terms;
  }

  std::vector<Term> inlined(const FunctionRecord& function, const NodeRecord& node,
                            const std::vector<std::optional<Term>>& inputs) {
    const Nesting nesting(*this);
    const Opsets& opsets = function.opsets.empty() ? model_.opsets : function.opsets;
    Scope scope(nullptr, opsets);
    std::set<std::string> absent;
    for (std::size_t i = 0; i < function.inputs.size(); ++i) {
      if (i < inputs.size() && inputs[i]) {
        scope.define(function.inputs[i], inputs[i]);
      } else {
        absent.insert(function.inputs[i]);
      }
    }
    Instance instance = instantiate(function, node, absent);
    copied_bytes_ += instance.copied_bytes;
    if (copied_bytes_ > copied_bytes_max) {
      throw Excess(fmt::format("{}: calls of functions with attributes take more than {} bytes",
                               source(), copied_bytes_max));
    }
    places_.push_back(describe(node));
    const struct Leave {
      std::vector<std::string>& places;
      ~Leave() { places.pop_back(); }
    } leave{places_};
    // Kept, since readings and constants are known by address.
    std::move(instance.own.begin(), instance.own.end(), std::back_inserter(kept_nodes_));
    for (const NodeRecord* inner : ordered(instance.nodes, scope)) read_node(*inner, scope);
    std::vector<Term> outputs;
    for (const std::string& output : function.outputs) {
      outputs.push_back(require(scope, output, "a function's output"));
    }
    return outputs;
  }

  void define_outputs(const Scope& scope) {
    if (model_.graph.outputs.empty()) throw invalid("{}: the model has no outputs", source());
    for (const ValueRecord& output : model_.graph.outputs) {
      const Term term = require(scope, output.name, "an output");
      const auto declared = onnx::dtype_of(output.element_type);
      const TensorType type = term.type();
      if (output.kind == "tensor" && declared && *declared != type.dtype) {
        throw invalid("{}: output \"{}\" is declared as {} and is {}", source(), output.name,
                      to_string(*declared), type.to_string());
      }
      builder_.output(output.name, materialiser_.value(term));
    }
  }

  const OnnxOptions& options_;
  Storage storage_;
  ModelRecord model_;
  GraphBuilder builder_;
  Materialiser materialiser_;
  // By value, the inputs that it is computed from; only where somebody asks for them.
  std::map<ValueRef, std::set<std::string>> origins_;
  std::map<const TensorRecord*, Term> initialisers_;
  std::map<const GraphRecord*, Reading> readings_;
  std::map<const NodeRecord*, std::vector<Term>> constants_;  // Of nodes without operands.
  std::map<std::string, Term> shared_;
  std::vector<std::unique_ptr<NodeRecord>> kept_nodes_;
  std::set<std::pair<std::string, std::string>> seen_functions_;
  std::vector<std::string> complaints_;
  std::set<std::string> said_;       // The same.
  std::vector<std::string> places_;  // From the outermost node that is being translated.
  std::int64_t node_count_ = 0;
  std::int64_t folded_count_ = 0;
  std::int64_t copied_bytes_ = 0;
  std::size_t shared_bytes_ = 0;
  int nesting_ = 0;
};

}  // namespace

Model load_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  return Importer(Storage(path), options).run();
}

Model parse_onnx(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                 const std::string& source, const OnnxOptions& options) {
  return Importer(Storage(bytes, std::move(owner), source), options).run();
}

}  // namespace paceline
