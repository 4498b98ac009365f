#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/op.h"

namespace paceline::ops {

// What the op `fused` computes, written in one fixed form:
//
//   v0 = mul(i0, 0.5); v1 = erf(i0); v2 = add(v1, 1); v3 = mul(v0, v2); out(v3)
//
// Inputs are i0, i1, ...; each step is an op of the registry on inputs, earlier steps and numbers,
// which take the dtype of the first operand that is none. Operands broadcast against each other by
// numpy's rule. An attribute stands after a dot: `cast.bf16`, `gelu.tanh`. Reductions go along the
// last axis and keep it, with extent 1.
struct FusedProgram {
  struct Operand {
    enum class Kind { input, step, number } kind = Kind::input;
    int index = 0;      // Of the input or step.
    double number = 0;  // For numbers.

    // By bits: 0 is not -0.
    friend bool operator==(const Operand& a, const Operand& b) {
      return a.kind == b.kind && a.index == b.index &&
             std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number);
    }
  };
  struct Step {
    std::string op;    // "cast"
    std::string form;  // "bf16"; empty for ops without attributes.
    std::vector<Operand> operands;

    friend bool operator==(const Step&, const Step&) = default;
    bool is_reduction() const;
    Attributes attributes() const;
  };
  int input_count = 0;
  std::vector<Step> steps;
  std::vector<int> outputs;  // Steps, each once.

  static constexpr int inputs_max = 16;
  static constexpr int outputs_max = 8;
  static constexpr int steps_max = 256;

  friend bool operator==(const FusedProgram&, const FusedProgram&) = default;
  std::string to_text() const;
  // Throws `invalid` naming the place, and when the text is not what to_text() would give.
  static FusedProgram parse(std::string_view text);
};

// Whether a step may be this op; `form` is the value of its attribute, as text.
bool is_fusible(std::string_view op, std::string_view form);
// The attribute that `form` stands for; empty for ops without.
std::string_view form_attribute(std::string_view op);

// The type of every step. Floats are f64 alone, or any of f32, f16 and bf16; all else is bool.
// Throws `invalid` naming the step that does not fit.
std::vector<TensorType> fused_types(const FusedProgram& program,
                                    std::span<const TensorType> inputs);
// What all inputs broadcast to: the extents that the program goes over.
Shape fused_space(std::span<const TensorType> inputs);

}  // namespace paceline::ops
