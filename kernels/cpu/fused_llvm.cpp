#include <algorithm>
#include <utility>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/fused_ir.h"
#include "kernels/cpu/support/fused_rows.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/generated/compiler.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : program(ops::FusedProgram::parse(attributes.get<std::string>("program"))),
        reduces(has_reduction(program)) {}
  ops::FusedProgram program;
  bool reduces;
  FusedRows rows;
  std::vector<FusedForm::Operand> operands;  // What `code` was made for.
  std::shared_ptr<GeneratedCode> code;
};

bool operator==(const FusedForm::Operand& a, const FusedForm::Operand& b) {
  return a.dtype == b.dtype && a.is_single == b.is_single;
}

// Code is asked for here, and waited for when it first runs.
void bind(const Call& call) {
  State& state = call.state<State>();
  state.rows = FusedRows(call, !state.reduces);
  std::vector<FusedForm::Operand> operands;
  for (const auto& views : {call.inputs, call.outputs}) {
    for (const TensorView& view : views) {
      operands.push_back({view.dtype, state.rows.is_single(static_cast<int>(operands.size()))});
    }
  }
  const bool is_known =
      state.code && std::ranges::equal(operands, state.operands,
                                       [](const auto& a, const auto& b) { return a == b; });
  if (is_known) return;
  const auto first_output = operands.begin() + std::ssize(call.inputs);
  const FusedForm form{.program = state.program,
                       .inputs = {operands.begin(), first_output},
                       .outputs = {first_output, operands.end()}};
  state.code = generate(FusedIr(form).text());
  state.operands = std::move(operands);
}

std::int64_t line_of(std::int64_t length) { return (length + 15) / 16 * 16; }

// Rows that are reduced are computed by one thread each; others are cut, so that a long row serves
// several threads.
constexpr std::int64_t piece = 4096;

void run_rows(const Call& call, const State& state, RowFunction compute) {
  const std::int64_t length = state.rows.length();
  const std::int64_t scratch_floats = line_of(length) * saved_count_max(state.program);
  const auto start = state.rows.start(call);
  parallel_ranges(state.rows.count(), std::max<std::int64_t>(length, 1), call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    float* scratch = static_cast<float*>(call.workspace) +
                                     workspace_part(call.threads) * scratch_floats;
                    state.rows.for_each(start, begin, end, [&](const FusedRows::Addresses& at) {
                      compute(reinterpret_cast<void* const*>(at.data()), length, scratch);
                    });
                  });
}

void run_pieces(const Call& call, const State& state, RowFunction compute) {
  const FusedRows& rows = state.rows;
  const std::int64_t length = rows.length();
  const std::int64_t pieces = (length + piece - 1) / piece;
  const std::size_t operands = state.operands.size();
  const auto start = rows.start(call);
  parallel_ranges(rows.count() * pieces, std::min(piece, length), call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    const std::int64_t last_row = (end + pieces - 1) / pieces;
                    std::int64_t row = begin / pieces;
                    rows.for_each(start, row, last_row, [&](const FusedRows::Addresses& at) {
                      const std::int64_t from =
                          std::max(begin - row * pieces, std::int64_t{0}) * piece;
                      const std::int64_t to = std::min((end - row * pieces) * piece, length);
                      FusedRows::Addresses moved = at;
                      for (std::size_t i = 0; i < operands; ++i) {
                        moved[i] += from * rows.inner_stride(static_cast<int>(i));
                      }
                      compute(reinterpret_cast<void* const*>(moved.data()), to - from, nullptr);
                      ++row;
                    });
                  });
}

void run(const Call& call) {
  State& state = call.state<State>();
  const RowFunction compute = state.code->function();
  state.reduces ? run_rows(call, state, compute) : run_pieces(call, state, compute);
}

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const auto program = ops::FusedProgram::parse(in.attributes.get<std::string>("program"));
  const Shape space = ops::fused_space(in.types);
  if (space.empty()) return 0;
  const std::int64_t buffers = saved_count_max(program) * std::int64_t{resources.threads};
  return (space.back() + 15) * buffers * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

// One native function for the whole program, made while the program runs. None where LLVM is not.
std::vector<Kernel> fused_llvm() {
  if (generated_code_absence()) return {};
  return {{.info = {.name = "rows",
                    .op = "fused",
                    .library = "llvm",
                    .accepts = {.dtypes = {Dtype::f32, Dtype::f16, Dtype::bf16},
                                .input_strides = {Strides::dense_inner}},
                    .precision = Precision::approximates,
                    .library_version = generated_code_version(),
                    .expected_efficiency = 0.6},
           .workspace_bytes = workspace_bytes,
           .prepare = prepare<State>,
           .bind = bind,
           .run = run}};
}

}  // namespace paceline::kernels::cpu
