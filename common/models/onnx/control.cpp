#include <array>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

constexpr std::int64_t rounds_max = 10'000;

// The branch that a known condition takes.
Terms branch(Call& call) {
  const bool is_true = call.integer(0) != 0;
  return call.read(call.graph(is_true ? "then_branch" : "else_branch"), {});
}

Value stacked(const Call& call, const std::vector<Term>& rounds, int axis) {
  std::vector<Value> parts;
  for (const Term& term : rounds) parts.push_back(insert_axes(call.value(term), {axis}));
  return concat(parts, axis);
}

bool holds(const Term& condition) {
  const Known* known = condition.known();
  if (known == nullptr || known->element_count() != 1 || !known->dim(0).constant()) {
    throw unsupported("a loop whose end depends on the data of a run");
  }
  return *known->dim(0).constant() != 0;
}

// A loop whose number of rounds is known, round after round. Without a condition it never ends
// early, whatever its body says.
Terms loop(Call& call) {
  const GraphRecord& body = call.graph("body");
  const std::size_t carried = call.input_count() < 2 ? 0 : call.input_count() - 2;
  if (body.outputs.size() < carried + 1 || body.inputs.size() != carried + 2) {
    throw invalid("the loop's body does not fit its {} values", carried);
  }
  const std::int64_t trips = call.has(0) ? call.integer(0) : rounds_max + 1;
  bool is_going = !call.has(1) || holds(call.term(1));
  std::vector<Term> state;
  for (std::size_t i = 0; i < carried; ++i) state.push_back(call.term(2 + i));
  std::vector<std::vector<Term>> scans(body.outputs.size() - 1 - carried);
  Term condition = Known::of(Tensor::of<std::int64_t>({}, {1}).cast(Dtype::boolean));
  for (std::int64_t round = 0; is_going && round < trips; ++round) {
    if (round == rounds_max) throw unsupported("a loop of more than {} rounds", rounds_max);
    std::vector<Term> inputs{Known::of(Tensor::of<std::int64_t>({}, {round})), condition};
    inputs.insert(inputs.end(), state.begin(), state.end());
    std::vector<Term> outputs = call.read(body, std::move(inputs));
    condition = outputs[0];
    for (std::size_t i = 0; i < carried; ++i) state[i] = outputs[1 + i];
    for (std::size_t i = 0; i < scans.size(); ++i) scans[i].push_back(outputs[1 + carried + i]);
    if (call.has(1) && round + 1 < trips) is_going = holds(condition);
  }
  Terms results = state;
  for (const auto& rounds : scans) {
    if (rounds.empty()) throw unsupported("what a loop of no rounds collects");
    results.push_back(stacked(call, rounds, 0));
  }
  return results;
}

// One row of each scanned operand a round. Opset 8 has a batch axis and sequence lengths before.
Terms scan(Call& call) {
  const GraphRecord& body = call.graph("body");
  const bool has_batch = call.opset() < 9;
  const std::size_t first = has_batch ? 1 : 0;
  if (has_batch && call.has(0)) throw unsupported("sequence lengths of a scan");
  const auto scanned = static_cast<std::size_t>(call.integer("num_scan_inputs"));
  if (call.input_count() < first + scanned || scanned == 0 || scanned > body.inputs.size()) {
    throw invalid("{} scanned operands of {}", scanned, call.input_count());
  }
  const std::size_t carried = call.input_count() - first - scanned;
  if (body.inputs.size() != carried + scanned || body.outputs.size() < carried) {
    throw invalid("the scan's body does not fit its {} values", carried);
  }
  const std::size_t collected = body.outputs.size() - carried;
  const auto list = [&](const char* name, std::size_t count, std::int64_t missing) {
    const Axes given = call.integers(name).value_or(Axes(count, missing));
    if (given.size() != count)
      throw invalid("{} must have {} entries: {}", name, count, given.size());
    return given;
  };
  Axes axes = list("scan_input_axes", scanned, 0);
  const Axes backwards = list(has_batch ? "directions" : "scan_input_directions", scanned, 0);
  const Axes out_axes = list("scan_output_axes", collected, 0);
  const Axes out_backwards = list("scan_output_directions", collected, 0);

  const std::int64_t batches = has_batch ? fixed(call.shape(first).at(0), "a scan's batch") : 1;
  const auto of_batch = [&](std::size_t i, std::int64_t b) {
    const Value x = call.in(i);
    return has_batch ? drop_axes(x.slice(0, b, b + 1), {0}) : x;
  };
  std::vector<std::vector<Term>> by_batch;
  for (std::int64_t b = 0; b < batches; ++b) {
    std::vector<Term> state;
    for (std::size_t i = 0; i < carried; ++i) state.push_back(of_batch(first + i, b));
    std::vector<Value> rows;
    for (std::size_t i = 0; i < scanned; ++i) {
      rows.push_back(of_batch(first + carried + i, b));
      axes[i] = axis_of(axes[i], rows[i].rank());
    }
    const std::int64_t rounds = fixed(rows[0].dim(static_cast<int>(axes[0])), "a scan's length");
    if (rounds > rounds_max) throw unsupported("a scan of more than {} rounds", rounds_max);
    std::vector<std::vector<Term>> scans(collected);
    for (std::int64_t round = 0; round < rounds; ++round) {
      std::vector<Term> inputs = state;
      for (std::size_t i = 0; i < scanned; ++i) {
        const std::int64_t at = backwards[i] != 0 ? rounds - 1 - round : round;
        const int axis = static_cast<int>(axes[i]);
        inputs.push_back(drop_axes(rows[i].slice(axis, at, at + 1), {axis}));
      }
      std::vector<Term> outputs = call.read(body, std::move(inputs));
      for (std::size_t i = 0; i < carried; ++i) state[i] = outputs[i];
      for (std::size_t i = 0; i < collected; ++i) {
        auto& into = scans[i];
        into.insert(out_backwards[i] != 0 ? into.begin() : into.end(), outputs[carried + i]);
      }
    }
    for (std::size_t i = 0; i < collected; ++i) {
      if (scans[i].empty()) throw unsupported("what a scan of no rounds collects");
      const int rank = static_cast<int>(scans[i][0].type().shape.size()) + 1;
      state.push_back(stacked(call, scans[i], axis_of(out_axes[i], rank)));
    }
    by_batch.push_back(std::move(state));
  }
  if (!has_batch) return by_batch[0];
  Terms results;
  for (std::size_t i = 0; i < carried + collected; ++i) {
    std::vector<Term> batch;
    for (const auto& outputs : by_batch) batch.push_back(outputs[i]);
    results.push_back(stacked(call, batch, 0));
  }
  return results;
}

constexpr std::array table{
    Translator{"If", branch},
    Translator{"Loop", loop},
    Translator{"Scan", scan},
};

}  // namespace

std::span<const Translator> control_translators() { return table; }

}  // namespace paceline::onnx
