#include "common/models/onnx/translate.h"

#include <array>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

using Table = std::map<std::pair<std::string_view, std::string_view>, Translate>;

Table all_translators() {
  Table table;
  for (const auto family :
       {elementwise_translators, activation_translators, reduction_translators, shape_translators,
        filling_translators, matmul_translators, normalisation_translators, convolution_translators,
        pooling_translators, indexing_translators, quantisation_translators, recurrent_translators,
        signal_translators, loss_translators, control_translators, attention_translators}) {
    for (const Translator& entry : family()) table[{"", entry.op}] = entry.translate;
  }
  for (const Translator& entry : contributed_translators()) {
    table[{"com.microsoft", entry.op}] = entry.translate;
  }
  return table;
}

constexpr std::array<std::string_view, 9> attribute_kinds{"nothing", "a float",  "an integer",
                                                          "text",    "a tensor", "a graph",
                                                          "floats",  "integers", "texts"};

}  // namespace

Translate find_translator(std::string_view domain, std::string_view op) {
  static const Table table = all_translators();
  const auto found = table.find({domain, op});
  return found == table.end() ? nullptr : found->second;
}

const Term& Call::term(std::size_t i) const {
  if (!has(i)) throw invalid("input {} is missing", i);
  return *inputs_[i];
}

const Known& Call::known(std::size_t i) const {
  if (const Known* known = term(i).known()) return *known;
  reader_.want(term(i).value());
  throw unsupported(
      "input {} \"{}\" must be known before the run: it decides what the graph looks like", i,
      node_.inputs[i]);
}

std::vector<Dim> Call::dims(std::size_t i) const {
  const Known& elements = known(i);
  std::vector<Dim> dims;
  for (std::int64_t k = 0; k < elements.element_count(); ++k) dims.push_back(elements.dim(k));
  return dims;
}

std::vector<std::int64_t> Call::integers(std::size_t i) const {
  std::vector<std::int64_t> integers;
  for (const Dim& dim : dims(i)) {
    const auto number = dim.constant();
    if (!number) {
      throw unsupported("input {} \"{}\" must be numbers without symbols: {}", i, node_.inputs[i],
                        dim.to_string());
    }
    integers.push_back(*number);
  }
  return integers;
}

std::vector<double> Call::reals(std::size_t i) const {
  const Known& elements = known(i);
  if (elements.numbers) return elements.numbers->to_doubles();
  throw unsupported("input {} \"{}\" must be numbers without symbols", i, node_.inputs[i]);
}

namespace {

template <typename T>
const T& only(const std::vector<T>& elements, std::size_t i) {
  if (elements.size() != 1) {
    throw invalid("input {} must be one element: {} elements", i, elements.size());
  }
  return elements.front();
}

}  // namespace

Dim Call::dim(std::size_t i) const { return only(dims(i), i); }
std::int64_t Call::integer(std::size_t i) const { return only(integers(i), i); }
double Call::real(std::size_t i) const { return only(reals(i), i); }

const AttributeRecord* Call::typed(std::string_view name, std::int64_t type) const {
  const AttributeRecord* found = attribute(name);
  if (found == nullptr || found->type == type) return found;
  const bool is_known = found->type >= 0 && found->type < std::ssize(attribute_kinds);
  throw invalid("attribute {} must be {}: it is {}", name, attribute_kinds[type],
                is_known ? attribute_kinds[found->type] : "of another kind");
}

std::int64_t Call::integer(std::string_view name, std::int64_t missing) const {
  const AttributeRecord* found = typed(name, 2);
  return found == nullptr ? missing : found->integer;
}

std::int64_t Call::integer(std::string_view name) const {
  if (!has_attribute(name)) throw invalid("attribute {} is missing", name);
  return integer(name, 0);
}

double Call::real(std::string_view name, double missing) const {
  const AttributeRecord* found = typed(name, 1);
  return found == nullptr ? missing : found->real;
}

std::string Call::text(std::string_view name, std::string_view missing) const {
  const AttributeRecord* found = typed(name, 3);
  return found == nullptr ? std::string(missing) : found->text;
}

std::optional<std::vector<std::int64_t>> Call::integers(std::string_view name) const {
  const AttributeRecord* found = typed(name, 7);
  if (found == nullptr) return std::nullopt;
  return found->integers;
}

std::optional<std::vector<double>> Call::reals(std::string_view name) const {
  const AttributeRecord* found = typed(name, 6);
  if (found == nullptr) return std::nullopt;
  return std::vector<double>(found->reals.begin(), found->reals.end());
}

std::vector<std::string> Call::texts(std::string_view name) const {
  const AttributeRecord* found = typed(name, 8);
  return found == nullptr ? std::vector<std::string>() : found->texts;
}

std::optional<Tensor> Call::tensor(std::string_view name) const {
  const AttributeRecord* found = typed(name, 4);
  if (found == nullptr) return std::nullopt;
  if (!found->tensor) throw invalid("attribute {} holds no tensor", name);
  return reader_.tensor(*found->tensor);
}

const GraphRecord& Call::graph(std::string_view name) const {
  const AttributeRecord* found = typed(name, 5);
  if (found == nullptr || !found->graph) throw invalid("attribute {} holds no graph", name);
  return *found->graph;
}

std::optional<std::vector<std::int64_t>> Call::integers(std::string_view name,
                                                        std::size_t i) const {
  if (has(i)) return integers(i);
  return integers(name);
}

}  // namespace paceline::onnx
