#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/models/onnx/records.h"
#include "common/models/onnx/term.h"

namespace paceline::onnx {

class Call;

// The outputs of one node, in order. Throws `invalid` for what the standard forbids, `unsupported`
// for what Paceline cannot do; whoever calls puts the node before it.
using Translate = std::vector<Term> (*)(Call& call);

struct Translator {
  std::string_view op;
  Translate translate;
};

// What the nodes of one op type become, one table a family. The domain "" is the standard's own,
// "com.microsoft" ONNX Runtime's.
std::span<const Translator> elementwise_translators();
std::span<const Translator> activation_translators();
std::span<const Translator> reduction_translators();
std::span<const Translator> shape_translators();
std::span<const Translator> filling_translators();
std::span<const Translator> matmul_translators();
std::span<const Translator> normalisation_translators();
std::span<const Translator> convolution_translators();
std::span<const Translator> pooling_translators();
std::span<const Translator> indexing_translators();
std::span<const Translator> quantisation_translators();
std::span<const Translator> recurrent_translators();
std::span<const Translator> signal_translators();
std::span<const Translator> loss_translators();
std::span<const Translator> control_translators();
std::span<const Translator> attention_translators();
std::span<const Translator> contributed_translators();  // com.microsoft

// Null when nobody translates it.
Translate find_translator(std::string_view domain, std::string_view op);

// Where bodies of If, Loop and Scan are read: names that a body does not define are looked up
// outside of it.
class Scope;
class Reader {
 public:
  virtual ~Reader() = default;
  // The outputs of `graph`, whose inputs are `inputs`.
  virtual std::vector<Term> read(const GraphRecord& graph, std::vector<Term> inputs,
                                 const Scope& outer) = 0;
  virtual Tensor tensor(const TensorRecord& record) = 0;
  // Elements that many nodes need alike, made once for each `name`.
  virtual Term shared(const std::string& name, const std::function<Known()>& make) = 0;
  // Told of a value whose elements would have to be known.
  virtual void want(const Value& value) = 0;
};

// One node while it is translated: operands and attributes, with words for what translators ask.
class Call {
 public:
  Call(const NodeRecord& node, std::int64_t opset, std::vector<std::optional<Term>> inputs,
       Materialiser& materialiser, Reader& reader, const Scope& scope)
      : node_(node),
        opset_(opset),
        inputs_(std::move(inputs)),
        materialiser_(materialiser),
        reader_(reader),
        scope_(scope) {}

  GraphBuilder& builder() const { return materialiser_.builder(); }
  const NodeRecord& node() const { return node_; }
  std::int64_t opset() const { return opset_; }  // Of the node's domain.
  std::size_t output_count() const { return node_.outputs.size(); }
  bool wants_output(std::size_t i) const {
    return i < node_.outputs.size() && !node_.outputs[i].empty();
  }

  std::size_t input_count() const { return inputs_.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].has_value(); }
  const Term& term(std::size_t i) const;  // Throws `invalid` when it is left out.
  Value in(std::size_t i) const { return materialiser_.value(term(i)); }
  Value value(const Term& term) const { return materialiser_.value(term); }
  TensorType type(std::size_t i) const { return term(i).type(); }
  Dtype dtype(std::size_t i) const { return type(i).dtype; }
  Shape shape(std::size_t i) const { return type(i).shape; }
  int rank(std::size_t i) const { return static_cast<int>(type(i).shape.size()); }

  // Operands that must be known while the file is read; `unsupported` naming it when it is not.
  const Known& known(std::size_t i) const;
  std::vector<Dim> dims(std::size_t i) const;               // Integers, may be symbolic.
  std::vector<std::int64_t> integers(std::size_t i) const;  // Without symbols.
  std::vector<double> reals(std::size_t i) const;
  Dim dim(std::size_t i) const;  // Of one element, and so below.
  std::int64_t integer(std::size_t i) const;
  double real(std::size_t i) const;

  const AttributeRecord* attribute(std::string_view name) const { return node_.find(name); }
  bool has_attribute(std::string_view name) const { return attribute(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t missing) const;
  double real(std::string_view name, double missing) const;
  std::string text(std::string_view name, std::string_view missing) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view name) const;
  std::optional<std::vector<double>> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::optional<Tensor> tensor(std::string_view name) const;
  const GraphRecord& graph(std::string_view name) const;
  // Throws `invalid` when a needed attribute is missing.
  std::int64_t integer(std::string_view name) const;
  // Integers that early opsets give as the attribute `name`, later ones as input `i`; nullopt when
  // there is neither.
  std::optional<std::vector<std::int64_t>> integers(std::string_view name, std::size_t i) const;

  std::vector<Term> read(const GraphRecord& body, std::vector<Term> inputs) const {
    return reader_.read(body, std::move(inputs), scope_);
  }
  Term shared(const std::string& name, const std::function<Known()>& make) const {
    return reader_.shared(name, make);
  }

 private:
  const AttributeRecord* typed(std::string_view name, std::int64_t type) const;

  const NodeRecord& node_;
  std::int64_t opset_;
  std::vector<std::optional<Term>> inputs_;
  Materialiser& materialiser_;
  Reader& reader_;
  const Scope& scope_;
};

}  // namespace paceline::onnx
