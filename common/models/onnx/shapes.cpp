#include <algorithm>
#include <array>
#include <limits>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// Python's way of naming a place: from the end when negative, then within [low, high].
std::int64_t clamped(std::int64_t place, std::int64_t extent, std::int64_t low, std::int64_t high) {
  return std::clamp(place < 0 ? place + extent : place, low, high);
}

Terms shape_of(Call& call) {
  const Shape shape = call.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::int64_t start = clamped(call.integer("start", 0), rank, 0, rank);
  const std::int64_t end = clamped(call.integer("end", rank), rank, 0, rank);
  if (start >= end) return {Known::of(std::vector<Dim>())};
  return {Known::of(std::vector<Dim>(shape.begin() + start, shape.begin() + end))};
}

Terms size_of(Call& call) { return {Known::of(Dtype::i64, {}, {element_count(call.shape(0))})}; }

// 0 keeps an extent of the input, -1 stands for what is left.
Shape reshaped(const Shape& from, const std::vector<Dim>& to, bool allows_zero) {
  Shape shape;
  std::optional<std::size_t> open;
  Dim rest = 1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    Dim extent = to[i];
    if (extent == Dim(0) && !allows_zero) {
      if (i >= from.size()) throw invalid("extent {} is 0 and the input has none there", i);
      extent = from[i];
    }
    if (extent == Dim(-1)) {
      if (open) throw invalid("two extents are -1: axes {} and {}", *open, i);
      open = i;
      extent = 1;
    }
    rest *= extent;
    shape.push_back(std::move(extent));
  }
  if (!open) return shape;
  const Dim count = element_count(from);
  if (rest == Dim(0)) {
    shape[*open] = 0;
    return shape;
  }
  const auto left = count.divide_exactly(rest);
  if (!left) {
    throw unsupported("{} elements do not divide into {} for all values of the symbols",
                      count.to_string(), rest.to_string());
  }
  shape[*open] = *left;
  return shape;
}

Terms reshape(Call& call) {
  std::vector<Dim> target;
  if (call.opset() < 5) {
    const Axes given = call.integers("shape").value_or(Axes());
    target = {given.begin(), given.end()};
  } else {
    target = call.dims(1);
  }
  const Shape shape = reshaped(call.shape(0), target, call.integer("allowzero", 0) != 0);
  return {call.in(0).reshape(shape)};
}

Terms flattened(Call& call) {
  const int rank = call.rank(0);
  const std::int64_t axis = call.integer("axis", 1);
  if (axis < -rank || axis > rank) throw invalid("axis {} of a tensor of rank {}", axis, rank);
  return {flatten(call.in(0), static_cast<int>(axis < 0 ? axis + rank : axis))};
}

Terms squeeze(Call& call) {
  const Value x = call.in(0);
  auto axes = call.integers("axes", 1);
  if (!axes) {
    axes.emplace();
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (x.dim(axis) == Dim(1)) axes->push_back(axis);
    }
  }
  *axes = axes_of(*axes, x.rank());
  for (const std::int64_t axis : *axes) {
    if (x.dim(axis).is_constant() && x.dim(axis) != Dim(1)) {
      throw invalid("axis {} has extent {}, and only 1 can be dropped", axis,
                    x.dim(axis).to_string());
    }
  }
  return {drop_axes(x, *axes)};
}

Terms unsqueeze(Call& call) {
  const auto axes = call.integers("axes", 1);
  if (!axes) throw invalid("axes are missing");
  return {insert_axes(call.in(0), *axes)};
}

Terms transpose(Call& call) {
  auto order = identity_order(call.rank(0));
  std::reverse(order.begin(), order.end());
  return {call.in(0).permute(call.integers("perm").value_or(order))};
}

Terms concatenated(Call& call) {
  std::vector<Value> parts;
  for (std::size_t i = 0; i < call.input_count(); ++i) parts.push_back(call.in(i));
  if (parts.empty()) throw invalid("nothing to join");
  return {concat(parts, axis_of(call.integer("axis", 1), parts[0].rank()))};
}

std::vector<Dim> split_sizes(Call& call, const Dim& extent) {
  if (call.has(1)) return call.dims(1);
  if (const auto sizes = call.integers("split")) return {sizes->begin(), sizes->end()};
  const auto count = static_cast<std::int64_t>(
      call.integer("num_outputs", static_cast<std::int64_t>(call.output_count())));
  if (count <= 0 || count > 65536) throw invalid("a split into {} parts", count);
  if (const auto equal = extent.divide_exactly(count)) return std::vector<Dim>(count, *equal);
  // The last part is smaller, as opset 18 has it.
  const std::int64_t number = fixed(extent, "an axis that is split into unequal parts");
  const std::int64_t size = (number + count - 1) / count;
  std::vector<Dim> sizes(count, Dim(size));
  sizes.back() = number - size * (count - 1);
  return sizes;
}

Terms split(Call& call) {
  const Value x = call.in(0);
  const int axis = axis_of(call.integer("axis", 0), x.rank());
  Terms parts;
  Dim start = 0;
  for (const Dim& size : split_sizes(call, x.dim(axis))) {
    const Dim stop = start + size;
    parts.push_back(x.slice(axis, start, stop));
    start = stop;
  }
  if (start != x.dim(axis) && start.is_constant() && x.dim(axis).is_constant()) {
    throw invalid("the parts add up to {} of {}", start.to_string(), x.dim(axis).to_string());
  }
  return parts;
}

struct Range {
  Dim start;
  Dim stop;
};

constexpr std::int64_t far = std::numeric_limits<std::int32_t>::max();

// A place within an extent that may be a symbol: numbers that are not negative are taken to lie
// within it, which is judged when the symbol is bound.
Dim place(const Dim& given, const Dim& extent, std::int64_t low, std::int64_t high_above) {
  if (const auto number = given.constant()) {
    if (const auto fixed_extent = extent.constant()) {
      return clamped(*number, *fixed_extent, low, *fixed_extent + high_above);
    }
    if (*number >= far) return extent + Dim(high_above);
    if (*number <= -far) return low;
    if (*number < 0) return extent + given;
  }
  return given;
}

Range range_of(const Dim& start, const Dim& stop, const Dim& extent, std::int64_t step) {
  if (step > 0) return {place(start, extent, 0, 0), place(stop, extent, 0, 0)};
  return {place(start, extent, -1, -1), place(stop, extent, -1, -1)};
}

Terms slice(Call& call) {
  const bool as_attributes = call.opset() < 10;
  const auto dims = [&](std::size_t i, const char* name) {
    if (!as_attributes) return call.dims(i);
    const auto given = call.integers(name).value_or(Axes());
    return std::vector<Dim>(given.begin(), given.end());
  };
  const std::vector<Dim> starts = dims(1, "starts");
  const std::vector<Dim> stops = dims(2, "ends");
  Axes axes = identity_order(static_cast<int>(starts.size()));
  if (as_attributes) {
    axes = call.integers("axes").value_or(axes);
  } else if (call.has(3)) {
    axes = call.integers(3);
  }
  const Axes steps = call.has(4) ? call.integers(4) : Axes(starts.size(), 1);
  if (stops.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    throw invalid("starts, ends, axes and steps must be equally many: {}, {}, {}, {}",
                  starts.size(), stops.size(), axes.size(), steps.size());
  }
  Value x = call.in(0);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const int axis = axis_of(axes[i], x.rank());
    if (steps[i] == 0) throw invalid("a step is 0");
    Range range = range_of(starts[i], stops[i], x.dim(axis), steps[i]);
    const auto length = (range.stop - range.start).constant();
    const bool is_empty = length && (steps[i] > 0 ? *length <= 0 : *length >= 0);
    x = is_empty ? x.slice(axis, 0, 0) : x.slice(axis, range.start, range.stop, steps[i]);
  }
  return {x};
}

Terms expand(Call& call) {
  const std::vector<Dim> target = call.dims(1);
  return {
      call.in(0).broadcast(broadcast_shape(call.shape(0), Shape(target.begin(), target.end())))};
}

// Each axis is repeated by a broadcast over a new axis before it.
Terms tile(Call& call) {
  const Value x = call.in(0);
  const std::vector<Dim> repeats = call.dims(1);
  if (repeats.size() != x.shape().size()) {
    throw invalid("{} repeats for a tensor of rank {}", repeats.size(), x.rank());
  }
  Value result = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (repeats[axis] == Dim(1)) continue;
    Shape shape = result.shape();
    Shape target = shape;
    target.insert(target.begin() + axis, repeats[axis]);
    shape[axis] = shape[axis] * repeats[axis];
    result = insert_axes(result, {axis}).broadcast(target).reshape(shape);
  }
  return {result};
}

Value reversed_part(const Value& x, int axis, const Dim& first, const Dim& count) {
  return x.slice(axis, first + count - Dim(1), first - Dim(1), -1);
}

// What stands before (or after) an axis in modes other than a constant.
Value border(const Value& x, int axis, std::int64_t count, bool is_before,
             const std::string& mode) {
  const Dim extent = x.dim(axis);
  if (mode == "edge") {
    const Dim place = is_before ? Dim(0) : extent - Dim(1);
    Shape shape = x.shape();
    shape[axis] = count;
    return x.slice(axis, place, place + Dim(1)).broadcast(shape);
  }
  if (mode == "reflect") {
    return reversed_part(x, axis, is_before ? Dim(1) : extent - Dim(1 + count), count);
  }
  if (mode == "wrap") {
    return is_before ? x.slice(axis, extent - Dim(count), extent) : x.slice(axis, Dim(0), count);
  }
  throw unsupported("padding of mode \"{}\"", mode);
}

Value padded(Value x, const Axes& low, const Axes& high, const std::string& mode) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    std::vector<Value> parts{x};
    if (low[axis] > 0) parts.insert(parts.begin(), border(x, axis, low[axis], true, mode));
    if (high[axis] > 0) parts.push_back(border(x, axis, high[axis], false, mode));
    x = concat(parts, axis);
  }
  return x;
}

Value cropped(Value x, const Axes& low, const Axes& high) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t first = std::max<std::int64_t>(-low[axis], 0);
    const std::int64_t last = std::max<std::int64_t>(-high[axis], 0);
    if (first > 0 || last > 0) x = x.slice(axis, first, x.dim(axis) - Dim(last));
  }
  return x;
}

Terms pad_axes(Call& call) {
  const Value x = call.in(0);
  const auto rank = static_cast<std::size_t>(x.rank());
  const bool as_attributes = call.opset() < 11;
  const char* name = call.has_attribute("paddings") ? "paddings" : "pads";
  const Axes pads = as_attributes ? call.integers(name).value_or(Axes()) : call.integers(1);
  const Axes axes = call.has(3) ? call.integers(3) : identity_order(x.rank());
  if (pads.size() != 2 * axes.size()) {
    throw invalid("{} pads for {} axes: two for each are needed", pads.size(), axes.size());
  }
  for (const std::int64_t n : pads) {
    if (n < -far || n > far) throw invalid("a pad of {}", n);
  }
  Axes low(rank, 0);
  Axes high(rank, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    low[axis_of(axes[i], x.rank())] = pads[i];
    high[axis_of(axes[i], x.rank())] = pads[i + axes.size()];
  }
  const std::string mode = call.text("mode", "constant");
  const Value kept = cropped(x, low, high);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    low[axis] = std::max<std::int64_t>(low[axis], 0);
    high[axis] = std::max<std::int64_t>(high[axis], 0);
  }
  if (mode != "constant") return {padded(kept, low, high, mode)};
  double value = as_attributes ? call.real("value", 0) : 0;
  if (!as_attributes && call.has(2)) {
    if (call.term(2).known() == nullptr) {
      // A value of the run: what the padding leaves out is chosen by a mask.
      const Value inside = pad(like(kept, 1).broadcast(kept.shape()), low, high, 0);
      return {select(apply("not_equal", inside, 0), pad(kept, low, high, 0), call.in(2))};
    }
    value = call.real(2);
  }
  return {pad(kept, low, high, value)};
}

// [N, C, H, W] with blocks of channels moved to places, or back.
Terms depth_to_space(Call& call) {
  const Value x = call.in(0);
  const std::int64_t block = call.integer("blocksize");
  const std::string mode = call.text("mode", "DCR");
  if (x.rank() != 4 || block <= 0) {
    throw invalid("a blocksize above 0 and a tensor of rank 4 are needed: {} and {}", block,
                  x.type().to_string());
  }
  const Dim places = Dim(block) * Dim(block);
  const auto depth = x.dim(1).divide_exactly(places);
  if (!depth) {
    throw invalid("{} channels do not divide by {}", x.dim(1).to_string(), places.to_string());
  }
  const Dim n = x.dim(0), h = x.dim(2), w = x.dim(3);
  const Value split = mode == "CRD"
                          ? x.reshape({n, *depth, block, block, h, w}).permute({0, 1, 4, 2, 5, 3})
                          : x.reshape({n, block, block, *depth, h, w}).permute({0, 3, 4, 1, 5, 2});
  return {split.reshape({n, *depth, h * Dim(block), w * Dim(block)})};
}

Terms space_to_depth(Call& call) {
  const Value x = call.in(0);
  const std::int64_t block = call.integer("blocksize");
  if (x.rank() != 4 || block <= 0) {
    throw invalid("a blocksize above 0 and a tensor of rank 4 are needed: {} and {}", block,
                  x.type().to_string());
  }
  const auto h = x.dim(2).divide_exactly(block);
  const auto w = x.dim(3).divide_exactly(block);
  if (!h || !w) throw invalid("{} does not divide into blocks of {}", x.type().to_string(), block);
  const Dim n = x.dim(0), c = x.dim(1);
  return {x.reshape({n, c, *h, block, *w, block})
              .permute({0, 3, 5, 1, 2, 4})
              .reshape({n, c * Dim(block) * Dim(block), *h, *w})};
}

// Crops or pads the middle of axes.
Terms center_crop_pad(Call& call) {
  Value x = call.in(0);
  const Axes target = call.integers(1);
  const Axes axes = axes_of(call.integers("axes").value_or(identity_order(x.rank())), x.rank());
  if (axes.size() != target.size()) {
    throw invalid("{} extents for {} axes", target.size(), axes.size());
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = static_cast<int>(axes[i]);
    const std::int64_t extent = fixed(x.dim(axis), "an axis to crop or pad");
    if (target[i] < extent) {
      const std::int64_t start = (extent - target[i]) / 2;
      x = x.slice(axis, start, start + target[i]);
    } else {
      Axes low(x.rank(), 0);
      Axes high(x.rank(), 0);
      low[axis] = (target[i] - extent) / 2;
      high[axis] = target[i] - extent - low[axis];
      x = pad(x, low, high, 0);
    }
  }
  return {x};
}

constexpr std::array table{
    Translator{"CenterCropPad", center_crop_pad},
    Translator{"Concat", concatenated},
    Translator{"DepthToSpace", depth_to_space},
    Translator{"Expand", expand},
    Translator{"Flatten", flattened},
    Translator{"Pad", pad_axes},
    Translator{"Reshape", reshape},
    Translator{"Shape", shape_of},
    Translator{"Size", size_of},
    Translator{"Slice", slice},
    Translator{"SpaceToDepth", space_to_depth},
    Translator{"Split", split},
    Translator{"Squeeze", squeeze},
    Translator{"Tile", tile},
    Translator{"Transpose", transpose},
    Translator{"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const Translator> shape_translators() { return table; }

}  // namespace paceline::onnx
