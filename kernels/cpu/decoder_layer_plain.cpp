#include "common/ops/support/decoder_layer.h"

#include <algorithm>

#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/views.h"

// A layer by the plain kernels of its steps, one after the other; what one hands to the next lies
// in the workspace.
namespace paceline::kernels::cpu {

Kernel norm_linears_plain();
Kernel head_append_plain();
Kernel attention_plain();
Kernel linear_residual_plain();
Kernel norm_linears_gated_plain();

namespace {

using namespace ops::layer_steps;

const Kernel& plain_of(std::string_view op) {
  static const std::vector<Kernel> kernels = {norm_linears_plain(), head_append_plain(),
                                              attention_plain(), linear_residual_plain(),
                                              norm_linears_gated_plain()};
  const auto found = std::ranges::find(kernels, op, [](const Kernel& k) { return k.info.op; });
  check(found != kernels.end(), op);
  return *found;
}

// What lies in the workspace, in this order, before the steps' own.
constexpr std::size_t handed_on[] = {q, k, v, heads, joined, middle, inner};

struct State : Prepared {
  struct Part {
    Step step;
    const Kernel* kernel;
    std::unique_ptr<Prepared> prepared;
  };
  std::vector<Part> with_norms, without;
  std::int64_t start;

  State(const Attributes& attributes, const Resources& resources)
      : start(attributes.get<Dim>("start").evaluate({})) {
    for (const bool has_norms : {false, true}) {
      for (Step& step : steps(input_count + (has_norms ? 2 : 0), attributes)) {
        const Kernel& kernel = plain_of(step.op);
        auto prepared = kernel.prepare(step.attributes, resources);
        (has_norms ? with_norms : without)
            .push_back({std::move(step), &kernel, std::move(prepared)});
      }
    }
  }
};

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const ValueTypes types = types_of(in);
  Dim bytes = 0;
  for (const std::size_t value : handed_on) bytes += size_bytes(types[value]) + 64;
  for (const Step& step : steps(in.size(), in.attributes)) {
    const Kernel& kernel = plain_of(step.op);
    if (!kernel.workspace_bytes) continue;
    std::vector<TensorType> operands;
    for (const std::size_t input : step.inputs) operands.push_back(types[input]);
    bytes += kernel.workspace_bytes({operands, step.attributes}, resources) + 64;
  }
  return bytes;
}

// The extents of everything, by value.
struct Views {
  std::array<TensorView, value_count> at;
  char* free;

  explicit Views(const Call& call, std::int64_t start) : free(static_cast<char*>(call.workspace)) {
    std::copy(call.inputs.begin(), call.inputs.end(), at.begin());
    const Dtype dtype = at[x].dtype;
    const std::int64_t batch = at[x].extents[0], positions = at[x].extents[1];
    const std::int64_t queries = at[wq].extents[0], width = at[keys].extents[3];
    const std::int64_t groups = at[keys].extents[1], value_width = at[values].extents[3];
    const std::int64_t count = queries / width;
    const auto row = [&](std::int64_t columns) { return Extents{batch, positions, columns}; };
    place(q, dtype, row(queries));
    place(k, dtype, row(groups * width));
    place(v, dtype, row(groups * value_width));
    place(heads, dtype, {batch, count, positions, width});
    place(joined, dtype, row(count * value_width));
    place(middle, dtype, row(at[x].extents[2]));
    place(inner, dtype, row(at[wg].extents[0]));
    // Heads lie side by side where they are joined.
    at[attended] =
        TensorView::dense(at[joined].data, dtype, {batch, count, positions, value_width});
    const std::int64_t strides[] = {positions * count * value_width, value_width,
                                    count * value_width, 1};
    std::copy_n(strides, 4, at[attended].strides);
    at[out] = call.outputs[0];
    at[kept_keys] = call.outputs[1];
    at[kept_values] = call.outputs[2];
    at[seen_keys] = narrowed(at[kept_keys], 2, 0, start + positions);
    at[seen_values] = narrowed(at[kept_values], 2, 0, start + positions);
  }

 private:
  void place(std::size_t value, Dtype dtype, const Extents& extents) {
    at[value] = TensorView::dense(free, dtype, extents);
    const auto bytes = at[value].element_count() * static_cast<std::int64_t>(size_bytes(dtype));
    free += (bytes + 63) / 64 * 64;
  }
};

void run(const Call& call) {
  const State& state = call.state<State>();
  Views views(call, state.start);
  const std::int64_t end = state.start + views.at[x].extents[1];
  if (state.start < 0 || end > views.at[keys].extents[2]) {
    throw invalid("decoder_layer: positions [{}, {}) of {}", state.start, end,
                  views.at[keys].extents[2]);
  }
  for (const State::Part& part :
       call.inputs.size() > input_count ? state.with_norms : state.without) {
    TensorView inputs[9], outputs[3];
    std::size_t input_count_of = 0, output_count = 0;
    for (const std::size_t value : part.step.inputs) inputs[input_count_of++] = views.at[value];
    for (const std::size_t value : part.step.outputs) outputs[output_count++] = views.at[value];
    Call step = call;
    step.inputs = {inputs, input_count_of};
    step.outputs = {outputs, output_count};
    step.workspace = views.free;
    step.prepared = part.prepared.get();
    part.kernel->run(step);
  }
}

std::unique_ptr<Prepared> prepare_steps(const Attributes& attributes, const Resources& resources) {
  return std::make_unique<State>(attributes, resources);
}

}  // namespace

Kernel decoder_layer_plain() {
  return {
      .info =
          plain_info("decoder_layer", Floats::list(), {Strides::dense}, Precision::reorders, 0.03),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare_steps,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
