#include "common/ops/support/fused_program.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/ops/all_ops.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

using Operand = FusedProgram::Operand;
using Step = FusedProgram::Step;

constexpr std::array<std::string_view, 3> reductions = {"reduce_max", "reduce_min", "reduce_sum"};
constexpr std::array<std::string_view, 34> plain_steps = {
    "abs",         "add",         "ceil",          "div",         "equal",   "erf",        "exp",
    "floor",       "greater",     "greater_equal", "is_nan",      "less",    "less_equal", "log",
    "logical_and", "logical_not", "logical_or",    "logical_xor", "maximum", "minimum",    "mul",
    "neg",         "not_equal",   "relu",          "round",       "rsqrt",   "sigmoid",    "sign",
    "silu",        "sqrt",        "sub",           "tanh",        "where",   "reduce_sum"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// Reads a program from left to right; errors name the column.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  FusedProgram read() {
    for (;;) {
      const std::string_view word = this->word();
      if (word == "out") break;
      if (word != fmt::format("v{}", program_.steps.size())) {
        throw expected(fmt::format("v{} or out", program_.steps.size()));
      }
      take(" = ");
      if (program_.steps.size() == FusedProgram::steps_max) {
        throw invalid("a fused program has at most {} steps", FusedProgram::steps_max);
      }
      program_.steps.push_back(step());
      take("; ");
    }
    take("(");
    for (const Operand& operand : operands()) {
      if (operand.kind != Operand::Kind::step) throw invalid("a fused program gives steps alone");
      program_.outputs.push_back(operand.index);
    }
    if (at_ != text_.size()) throw expected("the end");
    check_outputs();
    return std::move(program_);
  }

 private:
  Error expected(std::string_view what) const {
    return invalid("fused program, column {}: expected {}: \"{}\"", at_ + 1, what,
                   text_.substr(at_, 16));
  }

  void take(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) throw expected(fmt::format("\"{}\"", wanted));
    at_ += wanted.size();
  }

  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Step step() {
    const std::string_view name = word();
    const std::size_t dot = std::min(name.find('.'), name.size());
    Step step{.op = std::string(name.substr(0, dot)),
              .form = std::string(name.substr(std::min(dot + 1, name.size())))};
    if (!is_fusible(step.op, step.form)) {
      throw invalid("fused program, column {}: no step of this name: \"{}\"", at_ + 1, name);
    }
    take("(");
    step.operands = operands();
    const Op& op = all_ops().get(step.op);
    const int count = static_cast<int>(step.operands.size());
    if (count != op.input_count_min) {
      throw invalid("fused program: {} takes {} operands, not {}", step.op, op.input_count_min,
                    count);
    }
    const auto is_number = [](const Operand& o) { return o.kind == Operand::Kind::number; };
    if (std::ranges::all_of(step.operands, is_number)) {
      throw invalid("fused program: {} of numbers alone", step.op);
    }
    return step;
  }

  std::vector<Operand> operands() {
    std::vector<Operand> operands = {operand()};
    while (at_ < text_.size() && text_[at_] == ',') {
      take(", ");
      operands.push_back(operand());
    }
    take(")");
    return operands;
  }

  Operand operand() {
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == 'v') return {Operand::Kind::step, index(static_cast<int>(program_.steps.size()))};
    if (first == 'i' && !text_.substr(at_).starts_with("inf")) {
      const Operand input{Operand::Kind::input, index(FusedProgram::inputs_max)};
      program_.input_count = std::max(program_.input_count, input.index + 1);
      return input;
    }
    Operand number{.kind = Operand::Kind::number};
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), number.number);
    if (error != std::errc()) throw expected("an input, a step or a number");
    at_ = end - text_.data();
    return number;
  }

  int index(int limit) {
    int index = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_ + 1, text_.data() + text_.size(), index);
    if (error != std::errc() || index < 0 || index >= limit) {
      throw expected("the number of an input or of an earlier step");
    }
    at_ = end - text_.data();
    return index;
  }

  void check_outputs() {
    std::vector<int> sorted = program_.outputs;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end()) {
      throw invalid("a fused program gives a step twice");
    }
    if (sorted.size() > FusedProgram::outputs_max) {
      throw invalid("a fused program has at most {} outputs", FusedProgram::outputs_max);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  FusedProgram program_;
};

std::string to_string(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::input:
      return fmt::format("i{}", operand.index);
    case Operand::Kind::step:
      return fmt::format("v{}", operand.index);
    case Operand::Kind::number:
      break;
  }
  return fmt::format("{}", operand.number);
}

std::string to_string(const std::vector<Operand>& operands) {
  std::string text;
  for (const Operand& operand : operands) text += (text.empty() ? "" : ", ") + to_string(operand);
  return text;
}

void expect_one_width(const TensorType& type, bool& has_f64, bool& has_others) {
  if (type.dtype == Dtype::boolean) return;
  expect(Elements::floats, type);
  (type.dtype == Dtype::f64 ? has_f64 : has_others) = true;
  if (has_f64 && has_others) throw invalid("f64 does not mix with other floats");
}

TensorType step_type(const Step& step, std::span<const TensorType> inputs,
                     std::span<const TensorType> earlier) {
  std::vector<TensorType> types;
  Shape shape;
  const TensorType* first = nullptr;
  for (const Operand& operand : step.operands) {
    if (operand.kind == Operand::Kind::number) {
      types.push_back({});
      continue;
    }
    types.push_back(operand.kind == Operand::Kind::input ? inputs[operand.index]
                                                         : earlier[operand.index]);
    shape = broadcast_shape(shape, types.back().shape);
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (step.operands[i].kind == Operand::Kind::number) continue;
    if (first == nullptr || first->dtype == Dtype::boolean) first = &types[i];
  }
  const Dtype dtype = first->dtype;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (step.operands[i].kind == Operand::Kind::number) types[i].dtype = dtype;
    types[i].shape = shape;
  }
  const Op& op = all_ops().get(step.op);
  const Attributes attributes = step.attributes().complete(op.name, op.attributes);
  return infer_types(op, types, attributes).front();
}

}  // namespace

bool FusedProgram::Step::is_reduction() const { return std::ranges::count(reductions, op) > 0; }

Attributes FusedProgram::Step::attributes() const {
  if (is_reduction()) return {{"axes", Integers{-1}}, {"keep_dims", true}};
  if (op == "cast") return {{"dtype", *parse_dtype(form)}};
  if (op == "gelu") return {{"approximate", form}};
  return {};
}

std::string FusedProgram::to_text() const {
  std::string text;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    text += fmt::format("v{} = {}{}{}({}); ", i, step.op, step.form.empty() ? "" : ".", step.form,
                        to_string(step.operands));
  }
  text += "out(";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    text += fmt::format("{}v{}", i == 0 ? "" : ", ", outputs[i]);
  }
  return text + ")";
}

FusedProgram FusedProgram::parse(std::string_view text) {
  FusedProgram program = Reader(text).read();
  if (const std::string canonical = program.to_text(); canonical != text) {
    throw invalid("a fused program has one form: \"{}\", not \"{}\"", canonical, text);
  }
  return program;
}

std::string_view form_attribute(std::string_view op) {
  if (op == "cast") return "dtype";
  if (op == "gelu") return "approximate";
  return "";
}

bool is_fusible(std::string_view op, std::string_view form) {
  if (op == "gelu") return form == "none" || form == "tanh";
  if (op == "cast") {
    const auto dtype = parse_dtype(form);
    return dtype && (is_float(*dtype) || *dtype == Dtype::boolean);
  }
  if (!form.empty()) return false;
  return std::ranges::count(plain_steps, op) > 0 || std::ranges::count(reductions, op) > 0;
}

std::vector<TensorType> fused_types(const FusedProgram& program,
                                    std::span<const TensorType> inputs) {
  bool has_f64 = false, has_others = false;
  for (const TensorType& input : inputs) expect_one_width(input, has_f64, has_others);
  std::vector<TensorType> types;
  for (const Step& step : program.steps) {
    try {
      types.push_back(step_type(step, inputs, types));
      expect_one_width(types.back(), has_f64, has_others);
    } catch (const Error& error) {
      throw invalid("step v{}: {}", types.size(), error.what());
    }
  }
  return types;
}

Shape fused_space(std::span<const TensorType> inputs) {
  Shape space;
  for (const TensorType& input : inputs) space = broadcast_shape(space, input.shape);
  return space;
}

}  // namespace paceline::ops
