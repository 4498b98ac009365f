#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <string>

#include "kernels/cpu/support/fused_schedule.h"
#include "kernels/cpu/support/views.h"
#include "kernels/cuda/device/start.h"
#include "kernels/cuda/device/walk.h"
#include "kernels/cuda/libraries/nvrtc.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/fused_text.h"
#include "kernels/cuda/support/generated_kernel.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"

namespace paceline::kernels::cuda {
namespace {

using ops::FusedProgram;
using Step = FusedForm::Step;

// From so many places on, one a thread fills every multiprocessor, and is quicker than two.
constexpr std::int64_t long_walk = 132 * 4 * 256 * 4;

struct Axis {
  std::int64_t extent = 1;
  std::array<std::int64_t, fused_operands_max> strides = {};
};

// The operands, inputs before outputs, broadcast against each other; axis 0 is the innermost.
// With `merges`, axes that continue each other in every operand are one.
std::vector<Axis> axes_of(const Call& call, bool merges) {
  TensorView space{.rank = 0};
  std::vector<const TensorView*> operands;
  for (const TensorView& view : call.inputs) operands.push_back(&view);
  for (const TensorView& view : call.outputs) operands.push_back(&view);
  for (const TensorView* view : operands) space.rank = std::max(space.rank, view->rank);
  std::fill_n(space.extents, space.rank, 1);
  for (const TensorView* view : operands) {
    const int missing = space.rank - view->rank;
    for (int axis = 0; axis < view->rank; ++axis) {
      std::int64_t& extent = space.extents[missing + axis];
      if (extent == 1) extent = view->extents[axis];
    }
  }
  std::vector<Axis> axes;
  for (int axis = space.rank - 1; axis >= 0; --axis) {
    Axis outer{.extent = space.extents[axis]};
    for (std::size_t i = 0; i < operands.size(); ++i) {
      outer.strides[i] = cpu::broadcast_to(*operands[i], space).strides[axis];
    }
    const bool is_row = !merges && axis == space.rank - 1;
    if (outer.extent == 1 && !is_row) continue;
    const auto continues = [&] {
      if (axes.empty() || (!merges && axes.size() == 1)) return false;
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (outer.strides[i] != axes.back().strides[i] * axes.back().extent) return false;
      }
      return true;
    };
    if (continues()) {
      axes.back().extent *= outer.extent;
    } else {
      axes.push_back(outer);
    }
  }
  if (axes.empty()) axes.emplace_back();
  return axes;
}

// Whether `chunk` elements along axis 0 can be accessed at once in every operand.
bool takes_chunks(const Call& call, const std::vector<Axis>& axes, int chunk) {
  if (axes[0].extent % chunk != 0) return false;
  const std::size_t inputs = call.inputs.size();
  for (std::size_t i = 0; i < inputs + call.outputs.size(); ++i) {
    const TensorView& view = i < inputs ? call.inputs[i] : call.outputs[i - inputs];
    if (axes[0].strides[i] == 0) continue;
    if (axes[0].strides[i] != 1) return false;
    const std::size_t bytes = size_bytes(view.dtype) * static_cast<std::size_t>(chunk);
    if (reinterpret_cast<std::uintptr_t>(view.data) % bytes != 0) return false;
    for (std::size_t axis = 1; axis < axes.size(); ++axis) {
      if (axes[axis].strides[i] % chunk != 0) return false;
    }
  }
  return true;
}

int largest_chunk(const FusedForm& form) {
  std::size_t largest = 1;
  for (const Dtype dtype : form.dtypes) largest = std::max(largest, size_bytes(dtype));
  return static_cast<int>(std::min<std::size_t>(16 / largest, 8));
}

// Whether no element along any axis is read for two places.
bool is_read_once(const std::vector<Axis>& axes, std::size_t operand) {
  return std::ranges::all_of(
      axes, [&](const Axis& axis) { return axis.extent == 1 || axis.strides[operand] != 0; });
}

// Threads and registers for rows of so many pieces. Few rows are spread over more threads, many
// have several loads in flight in each; what does not fit in registers is read in every pass.
void choose_team(FusedForm& form, std::int64_t rows, std::int64_t pieces, std::size_t input_count) {
  form.team = pieces <= 256 ? 32 : pieces <= 4096 ? 256 : 1024;
  int piece_words = 0;
  for (std::size_t i = 0; i < input_count; ++i) {
    if (form.steps[i] == Step::single) continue;
    piece_words += static_cast<int>(size_bytes(form.dtypes[i])) * form.chunk / 4 + 1;
  }
  const int of_thread = rows >= 512 ? 4 : 1;
  int team = 32;
  while (team < 1024 && team * of_thread < pieces) team *= 2;
  for (int held = 1; held <= 4; held *= 2) {
    if (team * held < pieces) continue;
    if (held * piece_words > (team == 1024 ? 16 : 64)) return;
    form.team = team;
    form.held = held;
    form.is_full = team * held == pieces;
    return;
  }
}

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : program(FusedProgram::parse(attributes.get<std::string>("program"))) {}

  FusedProgram program;
  std::string text;
  std::shared_ptr<GeneratedKernel> kernel;
  FusedArguments arguments;
  std::int64_t blocks = 0;
  int block = 0;
};

FusedForm form_of(const Call& call, const State& state, const std::vector<Axis>& axes) {
  FusedForm form{.program = &state.program, .in_rows = cpu::has_reduction(state.program)};
  for (const TensorView& view : call.inputs) form.dtypes.push_back(view.dtype);
  for (const TensorView& view : call.outputs) form.dtypes.push_back(view.dtype);
  const int chunk = largest_chunk(form);
  if (takes_chunks(call, axes, chunk)) form.chunk = chunk;
  for (std::size_t i = 0; i < form.dtypes.size(); ++i) {
    const TensorView& view =
        i < call.inputs.size() ? call.inputs[i] : call.outputs[i - call.inputs.size()];
    const bool has_one = view.rank == 0 || view.extents[view.rank - 1] == 1;
    const bool is_single = form.in_rows ? has_one : axes[0].strides[i] == 0;
    form.steps.push_back(is_single                 ? Step::single
                         : axes[0].strides[i] == 1 ? Step::unit
                                                   : Step::any);
    form.are_read_once.push_back(is_read_once(axes, i));
  }
  form.rank = static_cast<int>(axes.size());
  std::int64_t places = 1;
  for (const Axis& axis : axes) places *= axis.extent;
  form.is_wide = places >= std::int64_t{1} << 31;
  const std::int64_t pieces = axes[0].extent / form.chunk;
  if (form.in_rows) {
    choose_team(form, places / std::max<std::int64_t>(axes[0].extent, 1), pieces,
                call.inputs.size());
  } else if (places / form.chunk >= long_walk) {
    form.places = 1;
  }
  return form;
}

void bind(const Call& call) {
  State& state = call.state<State>();
  const std::vector<Axis> axes = axes_of(call, !cpu::has_reduction(state.program));
  const FusedForm form = form_of(call, state, axes);
  FusedArguments& of = state.arguments;
  of = {};
  of.pieces = axes[0].extent / form.chunk;
  of.count = form.in_rows ? 1 : of.pieces;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    of.extents[axis] = axis == 0 ? of.pieces : axes[axis].extent;
    if (axis > 0) of.count *= axes[axis].extent;
    if (!form.is_wide && of.extents[axis] > 0) {
      const Divisor divisor(static_cast<std::uint32_t>(of.extents[axis]));
      of.divisors[axis] = divisor.divisor;
      of.multipliers[axis] = divisor.multiplier;
      of.shifts[axis] = divisor.shift;
    }
    for (std::size_t i = 0; i < form.dtypes.size(); ++i) {
      of.strides[i][axis] = axes[axis].strides[i] * (axis == 0 ? form.chunk : 1);
    }
  }
  for (std::size_t i = 0; i < form.dtypes.size(); ++i) {
    of.data[i] =
        i < call.inputs.size() ? call.inputs[i].data : call.outputs[i - call.inputs.size()].data;
  }
  state.block = form.block();
  const std::int64_t each = form.in_rows ? state.block / form.team : state.block * form.places;
  state.blocks = (of.count + each - 1) / each;
  std::string text = fused_text(form);
  if (text == state.text) return;
  state.text = std::move(text);
  state.kernel = generate_kernel(state.text);
}

void run(const Call& call) {
  State& state = call.state<State>();
  if (state.blocks == 0) return;
  void* arguments[] = {&state.arguments};
  start_function(state.kernel->function(), dim3(static_cast<unsigned>(state.blocks)),
                 static_cast<unsigned>(state.block), 0, call.stream, arguments);
  check_launch("fused_nvrtc");
}

}  // namespace

// None where nvrtc was not found.
std::vector<Kernel> fused_nvrtc() {
  if (!nvrtc_library().absence.empty()) return {};
  Kernel kernel{
      .info = any_info("fused", Floats::list(), {Strides::any}, Precision::approximates, 0.9)};
  kernel.info.name = "rows";
  kernel.info.library_version = "nvrtc " + nvrtc_library().version;
  kernel.prepare = prepare<State>;
  kernel.bind = bind;
  kernel.run = run;
  return {std::move(kernel)};
}

}  // namespace paceline::kernels::cuda
