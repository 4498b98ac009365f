#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/ops/support/fused_program.h"
#include "kernels/cpu/support/fused_schedule.h"
#include "kernels/cpu/support/ir_vectors.h"

namespace paceline::kernels::cpu {

// What the code of a fused program depends on.
struct FusedForm {
  struct Operand {
    Dtype dtype = Dtype::f32;
    bool is_single = false;  // One value a row; elements lie side by side otherwise.
  };
  ops::FusedProgram program;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
};

// LLVM's text of `void fused(void** operands, int64_t count, float* scratch)`, which computes one
// row: the addresses of its inputs and outputs, its length, and a buffer of the length rounded up
// to 16 floats for each saved step. Results do not depend on how a row without reductions is cut.
class FusedIr {
 public:
  explicit FusedIr(const FusedForm& form)
      : form_(form), program_(form.program), schedule_(schedule_of(form.program, singles(form))) {}

  std::string text() {
    at("entry");
    for (std::size_t i = 0; i < form_.inputs.size(); ++i) {
      inputs_.push_back(address(i));
      const auto& operand = form_.inputs[i];
      single_inputs_.push_back(operand.is_single ? load_single(inputs_[i], operand.dtype)
                                                 : Value());
    }
    for (std::size_t i = 0; i < form_.outputs.size(); ++i) {
      outputs_.push_back(address(form_.inputs.size() + i));
    }
    const Value up = ir_.define("add i64 %count, 15");
    line_ = ir_.define("and i64 {}, -16", up);
    singles_.resize(program_.steps.size());
    for (int pass = 0; pass < schedule_.pass_count; ++pass) {
      compute_singles(pass);
      walk(pass);
    }
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      if (form_.outputs[o].is_single) {
        store_single(singles_[program_.outputs[o]], outputs_[o], form_.outputs[o].dtype);
      }
    }
    ir_.line("ret void");
    return "define void @fused(ptr %operands, i64 %count, ptr %scratch) #0 {\n" + ir_.text + "}\n" +
           declarations;
  }

  const FusedSchedule& schedule() const { return schedule_; }

 private:
  using Value = IrVectors::Value;
  using Operand = ops::FusedProgram::Operand;
  using Step = ops::FusedProgram::Step;
  using Kind = Operand::Kind;

  static constexpr const char* declarations = R"(
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare <16 x float> @llvm.fabs.v16f32(<16 x float>)
declare <16 x float> @llvm.sqrt.v16f32(<16 x float>)
declare <16 x float> @llvm.floor.v16f32(<16 x float>)
declare <16 x float> @llvm.ceil.v16f32(<16 x float>)
declare <16 x float> @llvm.roundeven.v16f32(<16 x float>)
declare <16 x float> @llvm.copysign.v16f32(<16 x float>, <16 x float>)
declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, i32, <16 x i1>, <16 x float>)
declare <16 x i16> @llvm.masked.load.v16i16.p0(ptr, i32, <16 x i1>, <16 x i16>)
declare <16 x i8> @llvm.masked.load.v16i8.p0(ptr, i32, <16 x i1>, <16 x i8>)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, i32, <16 x i1>)
declare void @llvm.masked.store.v16i16.p0(<16 x i16>, ptr, i32, <16 x i1>)
declare void @llvm.masked.store.v16i8.p0(<16 x i8>, ptr, i32, <16 x i1>)
attributes #0 = { nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" }
)";
  static constexpr const char* lanes =
      "<i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, "
      "i32 12, i32 13, i32 14, i32 15>";

  static std::vector<bool> singles(const FusedForm& form) {
    std::vector<bool> singles;
    for (const auto& input : form.inputs) singles.push_back(input.is_single);
    return singles;
  }

  // What is known of a place of the row: by step and input.
  struct Place {
    Value index;
    Value mask;  // Empty: all lanes.
    std::map<int, Value> steps = {};
    std::map<int, Value> inputs = {};
  };

  void at(const std::string& label) {
    ir_.label(label);
    block_ = label;
  }

  Value address(std::size_t operand) {
    const Value slot = ir_.define("getelementptr ptr, ptr %operands, i64 {}", operand);
    return ir_.define("load ptr, ptr {}", slot);
  }

  Value splat(const Value& scalar, std::string_view type) {
    const Value first = ir_.define("insertelement <16 x {0}> poison, {0} {1}, i64 0", type, scalar);
    return ir_.define("shufflevector <16 x {0}> {1}, <16 x {0}> poison, <16 x i32> zeroinitializer",
                      type, first);
  }

  static std::string_view element_of(Dtype dtype) {
    if (dtype == Dtype::f32) return "float";
    return dtype == Dtype::boolean ? "i8" : "i16";
  }

  Value widened(const Value& elements, Dtype dtype) {
    switch (dtype) {
      case Dtype::f16:
        return ir_.of_halves(elements);
      case Dtype::bf16:
        return ir_.of_brain_halves(elements);
      case Dtype::boolean:
        return ir_.define("icmp ne <16 x i8> {}, zeroinitializer", elements);
      default:
        return elements;
    }
  }
  Value narrowed(const Value& value, Dtype dtype) {
    switch (dtype) {
      case Dtype::f16:
        return ir_.halves(value);
      case Dtype::bf16:
        return ir_.brain_halves(value);
      case Dtype::boolean:
        return ir_.define("zext <16 x i1> {} to <16 x i8>", value);
      default:
        return value;
    }
  }

  Value load_single(const Value& from, Dtype dtype) {
    const std::string_view element = element_of(dtype);
    const Value scalar = ir_.define("load {}, ptr {}, align {}", element, from, size_bytes(dtype));
    return widened(splat(scalar, element), dtype);
  }
  void store_single(const Value& value, const Value& to, Dtype dtype) {
    const std::string_view element = element_of(dtype);
    const Value narrow = narrowed(value, dtype);
    const Value scalar = ir_.define("extractelement <16 x {}> {}, i64 0", element, narrow);
    ir_.line("store {} {}, ptr {}, align {}", element, scalar, to, size_bytes(dtype));
  }

  Value load(const Value& from, Dtype dtype, const Place& place) {
    const std::string_view element = element_of(dtype);
    const Value address =
        ir_.define("getelementptr {}, ptr {}, i64 {}", element, from, place.index);
    const std::size_t align = size_bytes(dtype);
    if (place.mask.empty()) {
      return widened(ir_.define("load <16 x {}>, ptr {}, align {}", element, address, align),
                     dtype);
    }
    return widened(
        ir_.define("call <16 x {0}> @llvm.masked.load.v16{1}.p0(ptr {2}, i32 {3}, <16 x i1> {4}, "
                   "<16 x {0}> zeroinitializer)",
                   element, suffix(element), address, align, place.mask),
        dtype);
  }
  void store(const Value& value, const Value& to, Dtype dtype, const Place& place) {
    const std::string_view element = element_of(dtype);
    const Value narrow = narrowed(value, dtype);
    const Value address = ir_.define("getelementptr {}, ptr {}, i64 {}", element, to, place.index);
    const std::size_t align = size_bytes(dtype);
    if (place.mask.empty()) {
      ir_.line("store <16 x {}> {}, ptr {}, align {}", element, narrow, address, align);
    } else {
      ir_.line("call void @llvm.masked.store.v16{}.p0(<16 x {}> {}, ptr {}, i32 {}, <16 x i1> {})",
               suffix(element), element, narrow, address, align, place.mask);
    }
  }
  static std::string_view suffix(std::string_view element) {
    return element == "float" ? "f32" : element;
  }

  bool is_flag(const Operand& operand) const {
    switch (operand.kind) {
      case Kind::input:
        return form_.inputs[operand.index].dtype == Dtype::boolean;
      case Kind::step:
        return gives_flags(program_.steps[operand.index]);
      case Kind::number:
        break;
    }
    return false;
  }
  bool gives_flags(const Step& step) const {
    static constexpr std::string_view names[] = {
        "equal",  "not_equal",   "less",       "less_equal",  "greater",    "greater_equal",
        "is_nan", "logical_and", "logical_or", "logical_not", "logical_xor"};
    if (std::ranges::count(names, step.op) > 0) return true;
    if (step.op == "cast") return step.form == "bool";
    return step.op == "where" && (is_flag(step.operands[1]) || is_flag(step.operands[2]));
  }

  // Buffers between passes hold floats; booleans as 0 and 1.
  Value buffer(int step) {
    const Value floats = ir_.define("mul i64 {}, {}", line_, schedule_.slot_of(step));
    return ir_.define("getelementptr float, ptr %scratch, i64 {}", floats);
  }

  Value operand(const Operand& from, Place* place, int pass, bool as_flag) {
    if (from.kind == Kind::number) {
      return as_flag ? IrVectors::flag(from.number != 0)
                     : IrVectors::number(static_cast<float>(from.number));
    }
    if (from.kind == Kind::step) return value_of(from.index, place, pass);
    if (form_.inputs[from.index].is_single) return single_inputs_[from.index];
    const auto [found, is_new] = place->inputs.try_emplace(from.index);
    if (is_new) {
      found->second = load(inputs_[from.index], form_.inputs[from.index].dtype, *place);
    }
    return found->second;
  }

  Value value_of(int step, Place* place, int pass) {
    const auto& value = schedule_.steps[step];
    if (value.is_single) return singles_[step];
    if (const auto known = place->steps.find(step); known != place->steps.end()) {
      return known->second;
    }
    Value result;
    if (value.pass < pass) {
      result = load(buffer(step), Dtype::f32, *place);
      if (gives_flags(program_.steps[step])) {
        result = ir_.compare("une", result, IrVectors::number(0));
      }
    } else {
      result = compute(program_.steps[step], place, pass);
    }
    place->steps[step] = result;
    return result;
  }

  Value compute(const Step& step, Place* place, int pass) {
    const bool has_flags =
        std::ranges::any_of(step.operands, [&](const Operand& o) { return is_flag(o); });
    std::vector<Value> in;
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const bool wants_flag = step.op == "where" ? i == 0 || gives_flags(step) : has_flags;
      in.push_back(operand(step.operands[i], place, pass, wants_flag));
    }
    return has_flags && step.op != "where" ? of_flags(step, in) : of_floats(step, in);
  }

  Value of_flags(const Step& step, const std::vector<Value>& in) {
    const auto inverse = [&](const Value& x) { return ir_.flags("xor", x, IrVectors::flag(true)); };
    if (step.op == "logical_and") return ir_.flags("and", in[0], in[1]);
    if (step.op == "logical_or") return ir_.flags("or", in[0], in[1]);
    if (step.op == "logical_xor" || step.op == "not_equal") return ir_.flags("xor", in[0], in[1]);
    if (step.op == "logical_not") return inverse(in[0]);
    if (step.op == "equal") return inverse(ir_.flags("xor", in[0], in[1]));
    if (step.op == "less") return ir_.flags("and", inverse(in[0]), in[1]);
    if (step.op == "greater") return ir_.flags("and", in[0], inverse(in[1]));
    if (step.op == "less_equal") return ir_.flags("or", inverse(in[0]), in[1]);
    if (step.op == "greater_equal") return ir_.flags("or", in[0], inverse(in[1]));
    check(step.op == "cast", "a step of booleans is known");
    return step.form == "bool" ? in[0] : ir_.numbers_of(in[0]);
  }

  Value of_floats(const Step& step, const std::vector<Value>& in) {
    const std::string& op = step.op;
    if (op == "add") return ir_.add(in[0], in[1]);
    if (op == "sub") return ir_.sub(in[0], in[1]);
    if (op == "mul") return ir_.mul(in[0], in[1]);
    if (op == "div") return ir_.div(in[0], in[1]);
    if (op == "maximum") return ir_.larger(in[0], in[1]);
    if (op == "minimum") return ir_.smaller(in[0], in[1]);
    if (op == "equal") return ir_.compare("oeq", in[0], in[1]);
    if (op == "not_equal") return ir_.compare("une", in[0], in[1]);
    if (op == "less") return ir_.compare("olt", in[0], in[1]);
    if (op == "less_equal") return ir_.compare("ole", in[0], in[1]);
    if (op == "greater") return ir_.compare("ogt", in[0], in[1]);
    if (op == "greater_equal") return ir_.compare("oge", in[0], in[1]);
    if (op == "is_nan") return ir_.compare("uno", in[0], in[0]);
    if (op == "where") return ir_.select(in[0], in[1], in[2], gives_flags(step) ? "i1" : "float");
    if (op == "cast") return cast(in[0], step.form);
    if (op == "gelu") return step.form == "tanh" ? ir_.gelu_tanh(in[0]) : ir_.gelu(in[0]);
    return function(op, in[0]);
  }

  Value cast(const Value& x, const std::string& form) {
    if (form == "bf16") return ir_.of_brain_halves(ir_.brain_halves(x));
    if (form == "f16") return ir_.of_halves(ir_.halves(x));
    if (form == "bool") return ir_.compare("une", x, IrVectors::number(0));
    check(form == "f32", "a fused kernel of floats casts to floats of 32 bits or fewer");
    return x;
  }

  Value function(const std::string& op, const Value& x) {
    if (op == "neg") return ir_.neg(x);
    if (op == "abs") return ir_.intrinsic("fabs", x);
    if (op == "sqrt" || op == "floor" || op == "ceil") return ir_.intrinsic(op, x);
    if (op == "round") return ir_.intrinsic("roundeven", x);
    if (op == "rsqrt") return ir_.div(IrVectors::number(1), ir_.intrinsic("sqrt", x));
    if (op == "exp") return ir_.exponential(x);
    if (op == "log") return ir_.logarithm(x);
    if (op == "tanh") return ir_.hyperbolic_tangent(x);
    if (op == "erf") return ir_.error_function(x);
    if (op == "sigmoid") return ir_.sigmoid(x);
    if (op == "silu") return ir_.mul(x, ir_.sigmoid(x));
    if (op == "relu") {
      return ir_.select(ir_.compare("olt", x, IrVectors::number(0)), IrVectors::number(0), x);
    }
    check(op == "sign", "a step of floats is known");
    const Value below = ir_.compare("olt", x, IrVectors::number(0));
    const Value above = ir_.compare("ogt", x, IrVectors::number(0));
    const Value rest = ir_.select(below, IrVectors::number(-1), x);
    return ir_.select(above, IrVectors::number(1), rest);
  }

  // Single values that wait for the passes before `pass`.
  void compute_singles(int pass) {
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      const auto& value = schedule_.steps[s];
      if (!value.is_single || value.pass != pass || reduces_row(static_cast<int>(s))) continue;
      // The total of a single value is itself.
      singles_[s] = step.is_reduction() ? operand(step.operands[0], nullptr, pass, false)
                                        : compute(step, nullptr, pass);
    }
  }

  bool is_single(const Operand& from) const {
    if (from.kind == Kind::input) return form_.inputs[from.index].is_single;
    return from.kind == Kind::number || schedule_.steps[from.index].is_single;
  }
  bool reduces_row(int step) const {
    return program_.steps[step].is_reduction() && !is_single(program_.steps[step].operands[0]);
  }

  static float start_of(const Step& step) {
    if (step.op == "reduce_sum") return 0;
    return step.op == "reduce_max" ? -__builtin_inff() : __builtin_inff();
  }
  Value joined(const Step& step, const Value& a, const Value& b) {
    if (step.op == "reduce_sum") return ir_.add(a, b);
    return step.op == "reduce_max" ? ir_.larger(a, b) : ir_.smaller(a, b);
  }

  // What a place of the row is computed for in one pass.
  struct Wanted {
    std::vector<int> reductions, saved;
    std::vector<std::size_t> outputs;
    bool is_empty() const { return reductions.empty() && saved.empty() && outputs.empty(); }
  };
  Wanted wanted_in(int pass) const {
    Wanted wanted;
    for (int s = 0; s < static_cast<int>(program_.steps.size()); ++s) {
      if (reduces_row(s) && schedule_.steps[s].pass == pass + 1) wanted.reductions.push_back(s);
      if (schedule_.steps[s].is_saved && schedule_.steps[s].pass == pass) wanted.saved.push_back(s);
    }
    for (std::size_t o = 0; o < form_.outputs.size(); ++o) {
      const auto& value = schedule_.steps[program_.outputs[o]];
      if (form_.outputs[o].is_single) continue;
      const int in = value.is_single ? schedule_.pass_count - 1 : value.pass;
      if (in == pass) wanted.outputs.push_back(o);
    }
    return wanted;
  }

  // All places side by side, so that none waits for another. Returns the totals after them.
  std::vector<std::vector<Value>> compute_places(const Wanted& wanted, int pass,
                                                 std::vector<Place>& places,
                                                 std::vector<std::vector<Value>> totals) {
    for (Place& place : places) load_inputs(wanted, pass, place);
    for (const int s : wanted.saved) {
      const Value to = buffer(s);
      for (Place& place : places) {
        Value value = value_of(s, &place, pass);
        if (gives_flags(program_.steps[s])) value = ir_.numbers_of(value);
        store(value, to, Dtype::f32, place);
      }
    }
    for (std::size_t r = 0; r < wanted.reductions.size(); ++r) {
      const Step& step = program_.steps[wanted.reductions[r]];
      for (std::size_t u = 0; u < places.size(); ++u) {
        Value value = operand(step.operands[0], &places[u], pass, false);
        const Value next = joined(step, totals[r][u], value);
        totals[r][u] =
            places[u].mask.empty() ? next : ir_.select(places[u].mask, next, totals[r][u]);
      }
    }
    for (const std::size_t o : wanted.outputs) {
      for (Place& place : places) {
        store(value_of(program_.outputs[o], &place, pass), outputs_[o], form_.outputs[o].dtype,
              place);
      }
    }
    return totals;
  }

  // Loads come before the stores of other places, which LLVM could not tell from them.
  void load_inputs(const Wanted& wanted, int pass, Place& place) {
    std::vector<bool> seen(program_.steps.size(), false);
    for (const int s : wanted.saved) load_for(s, pass, place, seen);
    for (const int s : wanted.reductions) {
      const Operand& from = program_.steps[s].operands[0];
      if (from.kind == Kind::step) {
        load_for(from.index, pass, place, seen);
      } else {
        operand(from, &place, pass, false);
      }
    }
    for (const std::size_t o : wanted.outputs) load_for(program_.outputs[o], pass, place, seen);
  }
  void load_for(int step, int pass, Place& place, std::vector<bool>& seen) {
    const auto& value = schedule_.steps[step];
    if (seen[step] || value.is_single) return;
    seen[step] = true;
    if (value.pass < pass) {
      value_of(step, &place, pass);
      return;
    }
    for (const Operand& from : program_.steps[step].operands) {
      if (from.kind == Kind::step) load_for(from.index, pass, place, seen);
      if (from.kind == Kind::input) operand(from, &place, pass, false);
    }
  }

  static int unroll_of(std::size_t steps) { return steps <= 8 ? 4 : 2; }

  void walk(int pass) {
    const Wanted wanted = wanted_in(pass);
    if (wanted.is_empty()) return;
    const int unroll = unroll_of(program_.steps.size());
    const std::string p = fmt::format("p{}", pass), before = block_;
    const Value main_end = ir_.define("and i64 %count, {}", -16 * unroll);
    ir_.line("br label %{}_main", p);

    // Whole vectors, several at a time.
    const auto phi = [&](const std::string& block, const std::string& type, const Value& start,
                         const Value& start_block, const Value& next) {
      return ir_.define("phi {} [ {}, %{} ], [ {}, %{}_body ]", type, start, start_block, next,
                        block);
    };
    at(p + "_main");
    const Value i = phi(p + "_main", "i64", "0", before, fmt::format("%{}_next", p));
    std::vector<std::vector<Value>> totals(wanted.reductions.size());
    for (std::size_t r = 0; r < totals.size(); ++r) {
      const Value start = IrVectors::number(start_of(program_.steps[wanted.reductions[r]]));
      for (int u = 0; u < unroll; ++u) {
        totals[r].push_back(phi(p + "_main", "<16 x float>", start, before,
                                fmt::format("%{}_total{}_{}", p, r, u)));
      }
    }
    const Value more = ir_.define("icmp slt i64 {}, {}", i, main_end);
    ir_.line("br i1 {}, label %{}_main_body, label %{}_merge", more, p, p);
    at(p + "_main_body");
    std::vector<Place> places;
    for (int u = 0; u < unroll; ++u) {
      places.push_back({.index = ir_.define("add i64 {}, {}", i, 16 * u), .mask = {}});
    }
    const auto after = compute_places(wanted, pass, places, totals);
    for (std::size_t r = 0; r < after.size(); ++r) {
      for (int u = 0; u < unroll; ++u) name(fmt::format("{}_total{}_{}", p, r, u), after[r][u]);
    }
    ir_.line("%{}_next = add i64 {}, {}", p, i, 16 * unroll);
    ir_.line("br label %{}_main", p);

    at(p + "_merge");
    std::vector<Value> merged;
    for (std::size_t r = 0; r < totals.size(); ++r) {
      const Step& step = program_.steps[wanted.reductions[r]];
      Value total = totals[r][0];
      for (int u = 1; u < unroll; ++u) total = joined(step, total, totals[r][u]);
      merged.push_back(total);
    }
    ir_.line("br label %{}_rest", p);

    // What is left, a vector at a time, the last in part.
    at(p + "_rest");
    const Value j =
        phi(p + "_rest", "i64", main_end, p + "_merge", fmt::format("%{}_rest_next", p));
    std::vector<std::vector<Value>> rest_totals;
    for (std::size_t r = 0; r < merged.size(); ++r) {
      rest_totals.push_back({phi(p + "_rest", "<16 x float>", merged[r], p + "_merge",
                                 fmt::format("%{}_rest_total{}", p, r))});
    }
    const Value left = ir_.define("icmp slt i64 {}, %count", j);
    ir_.line("br i1 {}, label %{}_rest_body, label %{}_done", left, p, p);
    at(p + "_rest_body");
    const Value count = ir_.define("trunc i64 {} to i32", ir_.define("sub i64 %count, {}", j));
    const Value mask = ir_.define("icmp slt <16 x i32> {}, {}", lanes, splat(count, "i32"));
    std::vector<Place> rest = {{.index = j, .mask = mask}};
    const auto rest_after = compute_places(wanted, pass, rest, rest_totals);
    for (std::size_t r = 0; r < rest_after.size(); ++r) {
      name(fmt::format("{}_rest_total{}", p, r), rest_after[r][0]);
    }
    ir_.line("%{}_rest_next = add i64 {}, 16", p, j);
    ir_.line("br label %{}_rest", p);

    at(p + "_done");
    for (std::size_t r = 0; r < rest_totals.size(); ++r) {
      const int step = wanted.reductions[r];
      singles_[step] = over_lanes(program_.steps[step], rest_totals[r][0]);
    }
  }

  // A second name of a value, for a phi that was written before it.
  void name(const std::string& alias, const Value& value) {
    ir_.line("%{} = select i1 true, <16 x float> {}, <16 x float> {}", alias, value, value);
  }

  // Every lane becomes the total of all.
  Value over_lanes(const Step& step, Value total) {
    for (const int distance : {8, 4, 2, 1}) {
      std::string order;
      for (int lane = 0; lane < 16; ++lane) {
        order += fmt::format("{}i32 {}", lane == 0 ? "" : ", ", lane ^ distance);
      }
      const Value other = ir_.define(
          "shufflevector <16 x float> {}, <16 x float> poison, <16 x i32> <{}>", total, order);
      total = joined(step, total, other);
    }
    return total;
  }

  const FusedForm& form_;
  const ops::FusedProgram& program_;
  FusedSchedule schedule_;
  IrVectors ir_;
  std::string block_;
  Value line_;
  std::vector<Value> inputs_, outputs_;  // Addresses.
  std::vector<Value> single_inputs_;     // By input; empty where elements lie side by side.
  std::vector<Value> singles_;           // By step.
};

}  // namespace paceline::kernels::cpu
