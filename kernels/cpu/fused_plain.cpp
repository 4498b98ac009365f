#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/fused_rows.h"
#include "kernels/cpu/support/fused_schedule.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

using ops::FusedProgram;
using Kind = FusedProgram::Operand::Kind;
using Function = double (*)(double, double, double);

double flag(bool holds) { return holds ? 1 : 0; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_tanh(double x) {
  constexpr double slope = 0.79788456080286535588;  // sqrt(2 / pi)
  return 0.5 * x * (1 + std::tanh(slope * (x + 0.044715 * x * x * x)));
}
template <typename T>
double rounded(double x) {
  return static_cast<double>(static_cast<T>(x));
}
double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }
double smaller(double a, double b) { return std::isnan(a) || a < b ? a : b; }
double half_to_even(double x) {
  if (!(std::abs(x) < 0x1p52)) return x;
  const double shift = std::copysign(0x1p52, x);
  return std::copysign((x + shift) - shift, x);
}

// Booleans are 0 and 1.
const std::map<std::string, Function, std::less<>>& functions() {
  static const std::map<std::string, Function, std::less<>> all = {
      {"abs", [](double x, double, double) { return std::abs(x); }},
      {"neg", [](double x, double, double) { return -x; }},
      {"sign", [](double x, double, double) { return x > 0   ? 1.0
                                                     : x < 0 ? -1.0
                                                             : x; }},
      {"sqrt", [](double x, double, double) { return std::sqrt(x); }},
      {"rsqrt", [](double x, double, double) { return 1 / std::sqrt(x); }},
      {"exp", [](double x, double, double) { return std::exp(x); }},
      {"log", [](double x, double, double) { return std::log(x); }},
      {"tanh", [](double x, double, double) { return std::tanh(x); }},
      {"erf", [](double x, double, double) { return std::erf(x); }},
      {"floor", [](double x, double, double) { return std::floor(x); }},
      {"ceil", [](double x, double, double) { return std::ceil(x); }},
      {"round", [](double x, double, double) { return half_to_even(x); }},
      {"relu", [](double x, double, double) { return x < 0 ? 0.0 : x; }},
      {"sigmoid", [](double x, double, double) { return sigmoid(x); }},
      {"silu", [](double x, double, double) { return x * sigmoid(x); }},
      {"gelu.none",
       [](double x, double, double) { return 0.5 * x * (1 + std::erf(x * 0.70710678118654752)); }},
      {"gelu.tanh", [](double x, double, double) { return gelu_tanh(x); }},
      {"is_nan", [](double x, double, double) { return flag(std::isnan(x)); }},
      {"logical_not", [](double x, double, double) { return flag(x == 0); }},
      {"cast.f64", [](double x, double, double) { return x; }},
      {"cast.f32", [](double x, double, double) { return rounded<float>(x); }},
      {"cast.f16", [](double x, double, double) { return rounded<Float16>(x); }},
      {"cast.bf16", [](double x, double, double) { return rounded<Bfloat16>(x); }},
      {"cast.bool", [](double x, double, double) { return flag(x != 0); }},
      {"add", [](double a, double b, double) { return a + b; }},
      {"sub", [](double a, double b, double) { return a - b; }},
      {"mul", [](double a, double b, double) { return a * b; }},
      {"div", [](double a, double b, double) { return a / b; }},
      {"maximum", [](double a, double b, double) { return larger(a, b); }},
      {"minimum", [](double a, double b, double) { return smaller(a, b); }},
      {"equal", [](double a, double b, double) { return flag(a == b); }},
      {"not_equal", [](double a, double b, double) { return flag(a != b); }},
      {"less", [](double a, double b, double) { return flag(a < b); }},
      {"less_equal", [](double a, double b, double) { return flag(a <= b); }},
      {"greater", [](double a, double b, double) { return flag(a > b); }},
      {"greater_equal", [](double a, double b, double) { return flag(a >= b); }},
      {"logical_and", [](double a, double b, double) { return a * b; }},
      {"logical_or", [](double a, double b, double) { return std::max(a, b); }},
      {"logical_xor", [](double a, double b, double) { return flag(a != b); }},
      {"where", [](double c, double a, double b) { return c != 0 ? a : b; }},
      {"reduce_sum", [](double a, double b, double) { return a + b; }},
      {"reduce_max", [](double a, double b, double) { return larger(a, b); }},
      {"reduce_min", [](double a, double b, double) { return smaller(a, b); }},
  };
  return all;
}

double start_of(const std::string& reduction) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (reduction == "reduce_max") return -infinity;
  return reduction == "reduce_min" ? infinity : 0;
}

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : program(FusedProgram::parse(attributes.get<std::string>("program"))) {
    for (const auto& step : program.steps) {
      const std::string name = step.form.empty() ? step.op : step.op + "." + step.form;
      functions.push_back(cpu::functions().at(name));
    }
  }
  FusedProgram program;
  std::vector<Function> functions;
  FusedSchedule schedule;
  FusedRows rows;
};

// Without reductions a row is computed in parts, so that scratch does not grow with it.
constexpr std::int64_t part = 1024;

double element(const std::byte* at, Dtype dtype) {
  double value = 0;
  visit_dtype(dtype, [&]<typename T>(std::type_identity<T>) {
    value = static_cast<double>(*reinterpret_cast<const T*>(at));
  });
  return value;
}

void set_element(std::byte* at, Dtype dtype, double value) {
  visit_dtype(dtype, [&]<typename T>(std::type_identity<T>) {
    *reinterpret_cast<T*>(at) = convert<T>(value);
  });
}

// Elements begin, begin + 1, ... of one row: every value of the program in a line of `scratch`.
void compute(const Call& call, const State& state, const FusedRows::Addresses& at,
             std::int64_t begin, std::int64_t count) {
  const std::int64_t inputs = std::ssize(call.inputs);
  double* scratch = static_cast<double*>(call.workspace);
  const std::int64_t line =
      has_reduction(state.program) ? std::max<std::int64_t>(state.rows.length(), 1) : part;
  // A single value is there even where its row is empty.
  const auto extent = [count](bool is_single) {
    return is_single ? std::max(count, std::int64_t{1}) : count;
  };
  const auto line_of = [&](std::int64_t i) { return scratch + i * line; };
  for (std::int64_t i = 0; i < inputs; ++i) {
    const bool is_single = state.rows.is_single(static_cast<int>(i));
    for (std::int64_t k = 0; k < extent(is_single); ++k) {
      line_of(i)[k] = element(at[i] + (begin + k) * state.rows.inner_stride(static_cast<int>(i)),
                              call.inputs[i].dtype);
    }
  }
  for (std::size_t s = 0; s < state.program.steps.size(); ++s) {
    const auto& step = state.program.steps[s];
    double* out = line_of(inputs + static_cast<std::int64_t>(s));
    const auto operand = [&](std::size_t i, std::int64_t k) -> double {
      if (i >= step.operands.size()) return 0;
      const auto& from = step.operands[i];
      if (from.kind == Kind::number) return from.number;
      return line_of(from.kind == Kind::input ? from.index : inputs + from.index)[k];
    };
    const auto& from = step.operands[0];
    const bool has_one = from.kind == Kind::input ? state.rows.is_single(from.index)
                                                  : from.kind == Kind::step &&
                                                        state.schedule.steps[from.index].is_single;
    if (step.is_reduction()) {
      double total = has_one ? operand(0, 0) : start_of(step.op);
      for (std::int64_t k = 0; k < count && !has_one; ++k) {
        total = state.functions[s](total, operand(0, k), 0);
      }
      std::fill_n(out, extent(true), total);
      continue;
    }
    for (std::int64_t k = 0; k < extent(state.schedule.steps[s].is_single); ++k) {
      out[k] = state.functions[s](operand(0, k), operand(1, k), operand(2, k));
    }
  }
  for (std::int64_t o = 0; o < std::ssize(call.outputs); ++o) {
    const int operand = static_cast<int>(inputs + o);
    const double* from = line_of(inputs + state.program.outputs[o]);
    const std::int64_t stored = state.rows.is_single(operand) ? 1 : count;
    for (std::int64_t k = 0; k < stored; ++k) {
      set_element(at[operand] + (begin + k) * state.rows.inner_stride(operand),
                  call.outputs[o].dtype, from[k]);
    }
  }
}

void bind(const Call& call) {
  State& state = call.state<State>();
  state.rows = FusedRows(call, false);
  std::vector<bool> is_single;
  for (int i = 0; i < std::ssize(call.inputs); ++i) is_single.push_back(state.rows.is_single(i));
  state.schedule = schedule_of(state.program, is_single);
}

void run(const Call& call) {
  const State& state = call.state<State>();
  const bool reduces = has_reduction(state.program);
  const std::int64_t length = state.rows.length();
  const std::int64_t step = reduces ? std::max<std::int64_t>(length, 1) : part;
  state.rows.for_each(state.rows.start(call), 0, state.rows.count(), [&](const auto& at) {
    std::int64_t begin = 0;
    do {
      compute(call, state, at, begin, std::min(step, length - begin));
      begin += step;
    } while (begin < length);
  });
}

Dim workspace_bytes(const OpInputs& in, const Resources&) {
  const FusedProgram program = FusedProgram::parse(in.attributes.get<std::string>("program"));
  const Shape space = ops::fused_space(in.types);
  const auto lines = static_cast<std::int64_t>(in.size() + program.steps.size());
  // A single element even of an empty row: what its reductions start from.
  const Dim line = space.empty() ? Dim(1) : space.back() + 1;
  return (has_reduction(program) ? line : Dim(part)) * lines *
         static_cast<std::int64_t>(sizeof(double));
}

}  // namespace

// All values of a row, step by step, in double.
Kernel fused_plain() {
  std::vector<Dtype> dtypes = Floats::list();
  return {.info = plain_info("fused", dtypes, {Strides::any}, Precision::reorders, 0.01),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<State>,
          .bind = bind,
          .run = run};
}

}  // namespace paceline::kernels::cpu
