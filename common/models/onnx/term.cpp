#include "common/models/onnx/term.h"

#include "common/base/error.h"
#include "common/models/onnx/diagonal_table.h"
#include "common/models/onnx/repeated_half.h"

namespace paceline::onnx {

namespace {

constexpr std::int64_t learned_count_min = 17;  // Fewer floats are rather a part of a formula.
constexpr std::int64_t table_count_min = 4097;

Shape shape_of(const Extents& extents) { return {extents.begin(), extents.end()}; }

}  // namespace

Dim Known::dim(std::int64_t index) const {
  if (!numbers) return dims.at(index);
  switch (dtype) {
    case Dtype::i64:
      return numbers->as<std::int64_t>()[index];
    case Dtype::i32:
      return std::int64_t{numbers->as<std::int32_t>()[index]};
    case Dtype::i8:
      return std::int64_t{numbers->as<std::int8_t>()[index]};
    case Dtype::u8:
      return std::int64_t{numbers->as<std::uint8_t>()[index]};
    case Dtype::boolean:
      return std::int64_t{numbers->as<bool>()[index]};
    default:
      throw invalid("integers are needed, found elements of {}", to_string(dtype));
  }
}

Known Known::of(Tensor numbers, std::string name) {
  Known known{.dtype = numbers.dtype(), .extents = numbers.extents()};
  known.numbers = std::move(numbers);
  known.name = std::move(name);
  return known;
}

Known Known::of(Dtype dtype, Extents extents, std::vector<Dim> dims) {
  std::vector<std::int64_t> numbers;
  for (const Dim& dim : dims) {
    if (const auto number = dim.constant()) numbers.push_back(*number);
  }
  if (numbers.size() == dims.size()) {
    return of(Tensor::of<std::int64_t>(std::move(extents), numbers).cast(dtype));
  }
  return {.dtype = dtype, .extents = std::move(extents), .dims = std::move(dims)};
}

Known Known::of(std::vector<Dim> dims) {
  const auto count = static_cast<std::int64_t>(dims.size());
  return of(Dtype::i64, {count}, std::move(dims));
}

bool is_weight(const Known& known) {
  if (!known.numbers) return false;
  const std::int64_t count = known.element_count();
  const bool is_learned =
      is_float(known.dtype) || known.dtype == Dtype::i8 || known.dtype == Dtype::u8;
  return count >= (is_learned && !known.name.empty() ? learned_count_min : table_count_min);
}

const Known* Term::known() const {
  const auto* known = std::get_if<1>(&content_);
  return known == nullptr ? nullptr : known->get();
}

TensorType Term::type() const {
  if (const Known* elements = known()) return {elements->dtype, shape_of(elements->extents)};
  return value().type();
}

Value value_of(GraphBuilder& builder, const Dim& dim, Dtype dtype) {
  if (const auto number = dim.constant()) {
    return builder.constant(Tensor::of<std::int64_t>({}, {*number}).cast(dtype));
  }
  const Value one =
      builder.op("iota", {}, {{"start", dim}, {"extent", Dim(1)}, {"dtype", Dtype::i64}});
  return one.reshape({}).cast(dtype);
}

Value Materialiser::value(const Term& term) {
  if (term.known() == nullptr) return term.value();
  const auto known = made_.find(term.shared());
  if (known != made_.end()) return known->second;
  return made_.emplace(term.shared(), make(*term.known())).first->second;
}

Value Materialiser::make(const Known& known) {
  if (!known.numbers) return make_symbolic(known);
  if (!is_weight(known)) return builder_->constant(*known.numbers, known.name);
  if (const auto table = diagonal_table(*known.numbers)) {
    return value_of(*builder_, *table, known.extents);
  }
  std::string name = known.name.empty() ? "folded" : known.name;
  // Branches and functions may have names of their own that are equal.
  for (int copy = 2; weights_.contains(name); ++copy) {
    name = fmt::format("{}.{}", known.name.empty() ? "folded" : known.name, copy);
  }
  const auto half = repeated_half(*known.numbers);
  const Tensor& numbers = weights_.emplace(name, half ? *half : *known.numbers).first->second;
  const Value weight = builder_->weight(name, {known.dtype, shape_of(numbers.extents())});
  return half ? builder_->op("concat", {weight, weight}, {{"axis", std::int64_t{-1}}}) : weight;
}

Value Materialiser::make_symbolic(const Known& known) {
  std::vector<Value> elements;
  for (const Dim& dim : known.dims) {
    elements.push_back(value_of(*builder_, dim, known.dtype).reshape({1}));
  }
  const Value row = elements.size() == 1
                        ? elements.front()
                        : builder_->op("concat", elements, {{"axis", std::int64_t{0}}});
  return row.reshape(shape_of(known.extents));
}

}  // namespace paceline::onnx
