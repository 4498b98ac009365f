#include "kernels/cuda/support/fused_text.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "common/base/error.h"
#include "kernels/cpu/support/fused_schedule.h"
#include "kernels/cuda/support/fused_prelude.h"

namespace paceline::kernels::cuda {
namespace {

using ops::FusedProgram;
using Kind = FusedProgram::Operand::Kind;
using Step = FusedForm::Step;

const char* storage_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return "double";
    case Dtype::f32:
      return "float";
    case Dtype::f16:
      return "F16";
    case Dtype::bf16:
      return "Bf16";
    default:
      check(dtype == Dtype::boolean, "a fused program is of floats and bool");
      return "Bool";
  }
}

std::string literal(double value) {
  if (std::isnan(value)) return "not_a_number";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  return fmt::format("C({:a})", value);
}

class Writer {
 public:
  explicit Writer(const FusedForm& form)
      : form_(form),
        program_(*form.program),
        inputs_(program_.input_count),
        operands_(static_cast<int>(form.dtypes.size())) {
    std::vector<bool> is_single;
    for (int i = 0; i < inputs_; ++i) {
      is_single.push_back(form.in_rows && form.steps[i] == Step::single);
    }
    schedule_ = cpu::schedule_of(program_, is_single);
  }

  std::string write() {
    const bool is_double = std::ranges::count(form_.dtypes, Dtype::f64) > 0;
    put("typedef {} C;\n", is_double ? "double" : "float");
    put("#define OPERANDS {}\n#define CHUNK {}\n#define TEAM {}\n#define BLOCK {}\n", operands_,
        form_.chunk, form_.team, form_.block());
    text_ += fused_prelude;
    put("extern \"C\" __global__ void __launch_bounds__(BLOCK) fused(Arguments of) {{\n"
        "wait_for_earlier();\n");
    form_.in_rows ? write_rows() : write_flat();
    put("}}\n");
    return std::move(text_);
  }

 private:
  template <typename... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format(format, std::forward<Values>(values)...);
  }

  // Offsets o0, o1, ... of a place, from axis `first` on.
  void find(int first) {
    for (int k = 0; k < operands_; ++k) put("long long o{} = 0;\n", k);
    for (int axis = first; axis < form_.rank; ++axis) {
      const bool is_last = axis == form_.rank - 1;
      put("{{ ");
      if (is_last) {
        put("const long long index = rest;");
      } else if (form_.is_wide) {
        put("const long long next = rest / of.extents[{0}], index = rest - next * "
            "of.extents[{0}]; rest = next;",
            axis);
      } else {
        put("const unsigned next = quotient((unsigned)rest, of.multipliers[{0}], "
            "of.shifts[{0}]); const long long index = (unsigned)rest - next * of.divisors[{0}]; "
            "rest = next;",
            axis);
      }
      for (int k = 0; k < operands_; ++k) put(" o{0} += index * of.strides[{0}][{1}];", k, axis);
      put(" }}\n");
    }
  }

  std::string value_of(const FusedProgram::Operand& operand) const {
    if (operand.kind == Kind::number) return literal(operand.number);
    return fmt::format("{}{}", operand.kind == Kind::input ? 'x' : 'v', operand.index);
  }

  std::string call_of(const FusedProgram::Step& step) const {
    std::string name = step.form.empty() ? step.op : step.op + "_" + step.form;
    std::string operands;
    for (const auto& operand : step.operands) {
      operands += (operands.empty() ? "" : ", ") + value_of(operand);
    }
    return fmt::format("f_{}({})", name, operands);
  }

  void write_flat() {
    put("const long long first = (long long)blockIdx.x * (BLOCK * {}) + threadIdx.x;\n",
        form_.places);
    for (int k = 0; k < inputs_; ++k) {
      put("Chunk<{}> q{}[{}];\n", storage_of(form_.dtypes[k]), k, form_.places);
    }
    for (int k = inputs_; k < operands_; ++k) put("long long to{}[{}];\n", k, form_.places);
    put("#pragma unroll\nfor (int u = 0; u < {}; ++u) {{\nlong long rest = first + u * BLOCK;\n"
        "if (rest >= of.count) break;\n",
        form_.places);
    find(0);
    for (int k = 0; k < inputs_; ++k) {
      put("{0}<{1}>((const {1}*)of.data[{2}] + o{2}, q{2}[u]);\n", load_of(k),
          storage_of(form_.dtypes[k]), k);
    }
    for (int k = inputs_; k < operands_; ++k) put("to{0}[u] = o{0};\n", k);
    put("}}\n#pragma unroll\nfor (int u = 0; u < {}; ++u) {{\n"
        "if (first + u * BLOCK >= of.count) break;\n",
        form_.places);
    declare_results();
    put("#pragma unroll\nfor (int c = 0; c < CHUNK; ++c) {{\n");
    for (int k = 0; k < inputs_; ++k) put("const C x{0} = widen(q{0}[u].at[c]);\n", k);
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      put("const C v{} = {};\n", s, call_of(program_.steps[s]));
    }
    set_results([](int) { return true; });
    put("}}\n");
    for (int k = inputs_; k < operands_; ++k) {
      put("store(({0}*)of.data[{1}] + to{1}[u], r{1});\n", storage_of(form_.dtypes[k]), k);
    }
    put("}}\n");
  }

  const char* load_of(int k) const {
    if (form_.steps[k] != Step::unit) return "load_one";
    return form_.in_rows && form_.are_read_once[k] ? "load_once" : "load_chunk";
  }
  std::string step_of(int k) const {
    return form_.steps[k] == Step::unit ? "CHUNK" : fmt::format("of.strides[{}][0]", k);
  }

  void declare_results() {
    for (int k = inputs_; k < operands_; ++k) {
      put("Chunk<{}> r{};\n", storage_of(form_.dtypes[k]), k);
    }
  }

  template <typename Wanted>
  void set_results(const Wanted& wanted) {
    for (int k = inputs_; k < operands_; ++k) {
      if (wanted(k))
        put("r{}.at[c] = Narrow<{}>::of(v{});\n", k, storage_of(form_.dtypes[k]),
            program_.outputs[k - inputs_]);
    }
  }

  bool is_single(const FusedProgram::Operand& operand) const {
    if (operand.kind == Kind::number) return true;
    if (operand.kind == Kind::input) return form_.steps[operand.index] == Step::single;
    return schedule_.steps[operand.index].is_single;
  }

  // Whether the output has one value a row.
  bool is_single_output(int operand) const {
    return schedule_.steps[program_.outputs[operand - inputs_]].is_single;
  }

  // A reduction that needs a walk over the row, and not merely the one value that the row has.
  bool is_walked(std::size_t s) const {
    const FusedProgram::Step& step = program_.steps[s];
    return step.is_reduction() && !is_single(step.operands[0]);
  }

  // Values of elements that computing step `s` takes, itself included.
  void need(int s, std::set<int>& steps, std::set<int>& inputs) const {
    if (schedule_.steps[s].is_single || !steps.insert(s).second) return;
    for (const auto& operand : program_.steps[s].operands) need(operand, steps, inputs);
  }
  void need(const FusedProgram::Operand& operand, std::set<int>& steps,
            std::set<int>& inputs) const {
    if (operand.kind == Kind::input && !is_single(operand)) inputs.insert(operand.index);
    if (operand.kind == Kind::step) need(operand.index, steps, inputs);
  }

  void write_rows() {
    put("const long long row = (long long)blockIdx.x * (BLOCK / TEAM) + threadIdx.x / TEAM;\n"
        "if (row >= of.count) return;\nlong long rest = row;\nconst int lane = threadIdx.x % "
        "TEAM;\n");
    find(1);
    for (int k = 0; k < operands_; ++k) {
      put("{0}{1}* p{2} = ({0}{1}*)of.data[{2}] + o{2};\n", k < inputs_ ? "const " : "",
          storage_of(form_.dtypes[k]), k);
    }
    for (int k = 0; k < inputs_; ++k) {
      if (form_.steps[k] == Step::single) put("const C x{0} = widen(*p{0});\n", k);
    }
    if (form_.held > 0) hold_rows();
    for (int pass = 0; pass < schedule_.pass_count; ++pass) write_pass(pass);
    for (int k = inputs_; k < operands_; ++k) {
      if (!is_single_output(k)) continue;
      put("if (lane == 0) *p{0} = Narrow<{1}>::of(v{2});\n", k, storage_of(form_.dtypes[k]),
          program_.outputs[k - inputs_]);
    }
  }

  // Sums are of doubles, of the few elements that are read at once in their own type; extremes lose
  // nothing in that.
  bool is_sum(int s) const { return program_.steps[s].op == "reduce_sum"; }
  const char* sum_type(int s) const { return is_sum(s) ? "double" : "C"; }

  // Begins a loop over the pieces i of this thread.
  void begin_walk() {
    if (form_.held == 0) {
      put("\n#pragma unroll 2\nfor (long long i = lane; i < of.pieces; i += TEAM) {{\n");
      return;
    }
    put("\n#pragma unroll\nfor (int h = 0; h < {}; ++h) {{\nconst int i = lane + h * TEAM;\n",
        form_.held);
    if (!form_.is_full) put("if (i >= of.pieces) break;\n");
  }

  void hold_rows() {
    std::vector<int> held;
    for (int k = 0; k < inputs_; ++k) {
      if (form_.steps[k] != Step::single) held.push_back(k);
    }
    for (const int k : held) {
      put("Chunk<{0}> q{1}[{2}];\n", storage_of(form_.dtypes[k]), k, form_.held);
    }
    begin_walk();
    for (const int k : held) {
      put("{0}<{1}>(p{2} + i * {3}, q{2}[h]);\n", load_of(k), storage_of(form_.dtypes[k]), k,
          step_of(k));
    }
    put("}}\n");
  }

  // Single values that are known now, then a walk for what is reduced next; the last one stores.
  void write_pass(int pass) {
    std::vector<int> reductions;
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const auto& value = schedule_.steps[s];
      if (is_walked(s)) {
        if (value.pass == pass + 1) reductions.push_back(static_cast<int>(s));
      } else if (value.is_single && value.pass == pass) {
        const FusedProgram::Step& step = program_.steps[s];
        put("const C v{} = {};\n", s,
            step.is_reduction() ? value_of(step.operands[0]) : call_of(step));
      }
    }
    const bool is_last = pass + 1 == schedule_.pass_count;
    std::set<int> steps, inputs;
    for (const int s : reductions) need(program_.steps[s].operands[0], steps, inputs);
    bool stores = false;
    for (int k = inputs_; k < operands_ && is_last; ++k) {
      if (is_single_output(k)) continue;
      stores = true;
      need(program_.outputs[k - inputs_], steps, inputs);
    }
    if (reductions.empty() && !stores) return;
    for (const int s : reductions)
      put("{0} t{1} = start_{2}; ", sum_type(s), s, program_.steps[s].op);
    begin_walk();
    for (const int k : inputs) {
      if (form_.held > 0) break;
      put("Chunk<{0}> q{1}; {2}<{0}>(p{1} + i * {3}, q{1});\n", storage_of(form_.dtypes[k]), k,
          load_of(k), step_of(k));
    }
    if (stores) declare_results();
    for (const int s : reductions) {
      if (is_sum(s)) put("C part{} = 0;\n", s);
    }
    put("#pragma unroll\nfor (int c = 0; c < CHUNK; ++c) {{\n");
    for (const int k : inputs) {
      put("const C x{0} = widen(q{0}{1}.at[c]);\n", k, form_.held > 0 ? "[h]" : "");
    }
    for (const int s : steps) put("const C v{} = {};\n", s, call_of(program_.steps[s]));
    for (const int s : reductions) {
      const std::string value = value_of(program_.steps[s].operands[0]);
      if (is_sum(s)) {
        put("part{} += {};\n", s, value);
      } else {
        put("t{0} = combine_{1}(t{0}, {2});\n", s, program_.steps[s].op, value);
      }
    }
    if (stores) set_results([&](int k) { return !is_single_output(k); });
    put("}}\n");
    for (const int s : reductions) {
      if (is_sum(s)) put("t{0} += part{0};\n", s);
    }
    for (int k = inputs_; k < operands_ && stores; ++k) {
      if (is_single_output(k)) continue;
      put("store(p{0} + i * {1}, r{0});\n", k, step_of(k));
    }
    put("}}\n");
    for (const int s : reductions) {
      put("const C v{0} = (C)team_{1}(t{0});\n", s, program_.steps[s].op);
    }
  }

  const FusedForm& form_;
  const FusedProgram& program_;
  const int inputs_, operands_;
  cpu::FusedSchedule schedule_;
  std::string text_;
};

}  // namespace

std::string fused_text(const FusedForm& form) { return Writer(form).write(); }

}  // namespace paceline::kernels::cuda
