#include "worker/measure/excerpt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include "common/base/error.h"
#include "common/base/random.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

using Range = Excerpt::Range;

// Which axes of the inputs go with an axis of the output.
struct Cut {
  int output_axis = 0;
  std::vector<std::pair<std::size_t, int>> inputs;  // Operand and axis.
};

// More axes of one extent than this would be too many combinations to try.
constexpr std::size_t alike_max = 5;

Dtype wide(Dtype dtype) {
  if (is_float(dtype)) return Dtype::f64;
  return dtype == Dtype::boolean ? Dtype::boolean : Dtype::i64;
}

Tensor slice(const Tensor& whole, int axis, Range range) {
  Extents extents = whole.extents();
  const std::int64_t extent = extents[axis];
  std::int64_t outer = 1;
  auto inner = static_cast<std::int64_t>(size_bytes(whole.dtype()));
  for (int i = 0; i < axis; ++i) outer *= extents[i];
  for (std::size_t i = axis + 1; i < extents.size(); ++i) inner *= extents[i];
  extents[axis] = range.count;
  Tensor part(whole.dtype(), extents);
  for (std::int64_t i = 0; i < outer; ++i) {
    std::memcpy(part.as<std::byte>() + i * range.count * inner,
                whole.as<std::byte>() + (i * extent + range.begin) * inner, range.count * inner);
  }
  return part;
}

// A workload with the elements of its inputs, part of another.
struct Piece {
  Piece(const Workload& workload, std::span<const Tensor> inputs)
      : workload(workload), inputs(inputs.begin(), inputs.end()) {}

  Workload workload;
  std::vector<Tensor> inputs;
};

void apply(const Cut& cut, Range range, Piece& piece) {
  for (const auto& [operand, axis] : cut.inputs) {
    piece.inputs[operand] = slice(piece.inputs[operand], axis, range);
    piece.workload.inputs[operand].extents[axis] = range.count;
  }
  piece.workload.outputs[0].extents[cut.output_axis] = range.count;
}

bool is_close(const Tensor& a, const Tensor& b) {
  const std::vector<double> left = a.to_doubles(), right = b.to_doubles();
  return std::ranges::equal(left, right, [](double x, double y) {
    return x == y || (std::isnan(x) && std::isnan(y)) ||
           std::abs(x - y) <= 1e-9 * std::max(std::abs(x), std::abs(y));
  });
}

bool fits(const Op& op, const Workload& workload, const Cut& cut, std::int64_t count) {
  Workload part = workload;
  for (const auto& [operand, axis] : cut.inputs) part.inputs[operand].extents[axis] = count;
  part.outputs[0].extents[cut.output_axis] = count;
  return is_consistent(op, part);
}

// Whether what was cut out of the solved case is a part of its result, in its middle and at its
// end.
bool holds(const Op& op, const SolvedCase& solved, const Cut& cut) {
  const std::int64_t extent = solved.workload.outputs[0].extents[cut.output_axis];
  if (extent < 3) return false;
  for (const Range range : {Range{extent / 3, std::min<std::int64_t>(extent / 3, 2)},
                            Range{extent - 1, 1}, Range{0, 1}}) {
    if (!fits(op, solved.workload, cut, range.count)) return false;
    Piece piece(solved.workload, solved.inputs);
    apply(cut, range, piece);
    const std::vector<Tensor> result = reference_of(op, piece.workload, piece.inputs);
    if (!is_close(result[0], slice(solved.expected, cut.output_axis, range))) return false;
  }
  return true;
}

// The first set of the inputs' axes of this extent, small ones first, that goes with the output's.
std::optional<Cut> cut_along(const Op& op, const Workload& workload, const SolvedCase& solved,
                             int output_axis) {
  const std::int64_t extent = workload.outputs[0].extents[output_axis];
  if (extent < 2) return std::nullopt;
  std::vector<std::pair<std::size_t, int>> alike;
  for (std::size_t i = 0; i < workload.inputs.size(); ++i) {
    for (std::size_t axis = 0; axis < workload.inputs[i].extents.size(); ++axis) {
      if (workload.inputs[i].extents[axis] == extent) alike.emplace_back(i, axis);
    }
  }
  if (alike.empty() || alike.size() > alike_max) return std::nullopt;
  for (unsigned set = 1; set < 1u << alike.size(); ++set) {
    Cut cut{output_axis, {}};
    for (std::size_t i = 0; i < alike.size(); ++i) {
      if ((set >> i & 1u) != 0) cut.inputs.push_back(alike[i]);
    }
    if (fits(op, workload, cut, 1) && holds(op, solved, cut)) return cut;
  }
  return std::nullopt;
}

std::vector<Range> whole_ranges(const Workload& workload) {
  std::vector<Range> ranges;
  for (const std::int64_t extent : workload.outputs[0].extents) ranges.push_back({0, extent});
  return ranges;
}

// Each axis gives up the same factor, so that no operand stays whole.
Excerpt excerpt(const Op& op, const Workload& workload, std::span<const Tensor> inputs,
                std::span<const Cut> cuts, double flops_max,
                const std::function<std::int64_t(std::int64_t)>& place) {
  Piece piece(workload, inputs);
  Excerpt made{whole_ranges(workload), Tensor()};
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const double surplus = flops_of(op, piece.workload) / flops_max;
    if (surplus <= 1) break;
    const double factor = std::pow(surplus, 1 / static_cast<double>(cuts.size() - i));
    const std::int64_t extent = piece.workload.outputs[0].extents[cuts[i].output_axis];
    const auto count =
        std::max(std::int64_t{1}, static_cast<std::int64_t>(static_cast<double>(extent) / factor));
    if (!fits(op, piece.workload, cuts[i], count)) continue;
    const Range range{place(extent - count), count};
    apply(cuts[i], range, piece);
    made.ranges[cuts[i].output_axis] = range;
  }
  made.expected = reference_of(op, piece.workload, piece.inputs)[0];
  return made;
}

}  // namespace

std::vector<Tensor> reference_of(const Op& op, const Workload& workload,
                                 std::span<const Tensor> inputs) {
  std::vector<Tensor> cast;
  std::vector<Tensor> outputs;
  for (const Tensor& input : inputs) cast.push_back(input.cast(wide(input.dtype())));
  for (const OperandType& type : workload.outputs) {
    outputs.emplace_back(wide(type.dtype), type.extents);
  }
  op.reference({cast, outputs, workload.attributes});
  return outputs;
}

Tensor Excerpt::of(const TensorView& output) const {
  TensorView part = output;
  for (std::size_t axis = 0; axis < ranges.size(); ++axis) {
    part.data = part.as<std::byte>() + ranges[axis].begin * part.strides[axis] *
                                           static_cast<std::int64_t>(size_bytes(part.dtype));
    part.extents[axis] = ranges[axis].count;
  }
  return dense_copy(part);
}

std::vector<Excerpt> excerpts(const Op& op, const Workload& workload,
                              std::span<const Tensor> inputs, const SolvedCase& solved,
                              double flops_max, std::uint64_t seed) {
  if (workload.outputs.size() != 1 || !op.updates.empty()) return {};
  std::vector<Cut> cuts;
  const int rank = static_cast<int>(workload.outputs[0].extents.size());
  for (int axis = 0; axis < rank; ++axis) {
    if (auto cut = cut_along(op, workload, solved, axis)) cuts.push_back(*std::move(cut));
  }
  if (cuts.empty()) return {};
  Random random(seed);
  std::vector<Excerpt> made;
  made.push_back(excerpt(op, workload, inputs, cuts, flops_max / 2,
                         [&](std::int64_t most) { return random.below(most + 1); }));
  made.push_back(
      excerpt(op, workload, inputs, cuts, flops_max / 2, [](std::int64_t most) { return most; }));
  return made;
}

}  // namespace paceline
