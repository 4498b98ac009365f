#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"
#include "common/models/onnx/grid_sample.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// Rows of a table of floats are what embeddings look up.
Terms gather(Call& call) {
  const Value data = call.in(0);
  const int axis = axis_of(call.integer("axis", 0), data.rank());
  const Value indices = indices_of(call, 1, data.dim(axis));
  if (axis == 0 && data.rank() == 2 && is_float(data.dtype()) && indices.rank() > 0) {
    return {data.builder().op("embedding", {indices, data})};
  }
  return {data.builder().op("gather", {data, indices}, {{"axis", std::int64_t{axis}}})};
}

Terms gather_elements(Call& call) {
  const Value data = call.in(0);
  const int axis = axis_of(call.integer("axis", 0), data.rank());
  return {data.builder().op("gather_elements", {data, indices_of(call, 1, data.dim(axis))},
                            {{"axis", std::int64_t{axis}}})};
}

// Indices whose last axis names one place on each of some axes, each counted from its end when
// negative.
Value places_of(const Call& call, std::size_t i, const Shape& data, std::int64_t first_axis) {
  const Value indices = call.in(i);
  const std::int64_t depth = fixed(indices.dim(-1), "the last axis of indices");
  if (depth < 1 || first_axis < 0 || first_axis + depth > std::ssize(data)) {
    throw invalid("indices name {} axes of {}", depth, to_string(data));
  }
  const Known* known = call.term(i).known();
  if (known != nullptr && known->numbers) {
    const std::vector<double> numbers = known->numbers->to_doubles();
    if (std::none_of(numbers.begin(), numbers.end(), [](double n) { return n < 0; })) {
      return indices;
    }
  }
  std::vector<Value> ends;
  for (std::int64_t k = 0; k < depth; ++k) {
    ends.push_back(value_of(indices.builder(), data[first_axis + k], indices.dtype()).reshape({1}));
  }
  return select(apply("less", indices, 0), indices + concat(ends, 0), indices);
}

Terms gather_nd(Call& call) {
  const Value data = call.in(0);
  const std::int64_t batches = call.integer("batch_dims", 0);
  return {data.builder().op("gather_nd", {data, places_of(call, 1, data.shape(), batches)},
                            {{"batch_dims", batches}})};
}

Terms scatter_elements(Call& call) {
  const Value data = call.in(0);
  const int axis = axis_of(call.integer("axis", 0), data.rank());
  return {data.builder().op(
      "scatter_elements", {data, indices_of(call, 1, data.dim(axis)), call.in(2)},
      {{"axis", std::int64_t{axis}}, {"reduction", call.text("reduction", "none")}})};
}

Terms scatter_nd(Call& call) {
  const Value data = call.in(0);
  return {data.builder().op("scatter_nd", {data, places_of(call, 1, data.shape(), 0), call.in(2)},
                            {{"reduction", call.text("reduction", "none")}})};
}

// Which entries stay must be known; what they hold need not.
Terms compress(Call& call) {
  Value data = call.in(0);
  int axis = 0;
  if (call.has_attribute("axis")) {
    axis = axis_of(call.integer("axis"), data.rank());
  } else {
    data = data.reshape({element_count(data.shape())});
  }
  const Axes condition = call.integers(1);
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<std::int64_t>(i));
  }
  const Value places = data.builder().constant(Tensor::of<std::int64_t>({std::ssize(kept)}, kept));
  return {data.builder().op("gather", {data, places}, {{"axis", std::int64_t{axis}}})};
}

// Of known elements: how many are not zero decides the shape.
Terms non_zero(Call& call) {
  if (call.term(0).known() == nullptr)
    throw unsupported("a shape that depends on the data of a run");
  const Known& known = call.known(0);
  const std::vector<double> numbers = call.reals(0);
  const auto rank = static_cast<std::int64_t>(known.extents.size());
  std::vector<std::vector<std::int64_t>> places(rank);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == 0) continue;
    auto rest = static_cast<std::int64_t>(i);
    for (std::int64_t axis = rank - 1; axis >= 0; --axis) {
      places[axis].push_back(rest % known.extents[axis]);
      rest /= known.extents[axis];
    }
  }
  std::vector<std::int64_t> flat;
  for (const auto& axis : places) flat.insert(flat.end(), axis.begin(), axis.end());
  const std::int64_t count = rank == 0 ? 0 : std::ssize(places[0]);
  return {Known::of(Tensor::of<std::int64_t>({rank, count}, flat))};
}

Terms reverse_sequence(Call& call) {
  const Value x = call.in(0);
  const int time = axis_of(call.integer("time_axis", 0), x.rank());
  const int batch = axis_of(call.integer("batch_axis", 1), x.rank());
  // Place t of a sequence of length n comes from n - 1 - t, what is beyond n stays.
  const Value steps = insert_axes(counting(x.builder(), x.dim(time)), {1});
  const Value lengths = call.in(1).cast(Dtype::i64);
  const Value places = select(apply("less", steps, lengths), lengths - 1.0 - steps,
                              steps.broadcast({x.dim(time), x.dim(batch)}));
  Shape shape(x.rank(), Dim(1));
  shape[time] = x.dim(time);
  shape[batch] = x.dim(batch);
  const Value turned = time < batch ? places : places.transpose(0, 1);
  return {x.builder().op("gather_elements", {x, turned.reshape(shape).broadcast(x.shape())},
                         {{"axis", std::int64_t{time}}})};
}

struct Resizing {
  int axis;
  Dim extent;
  double scale = 0;  // 0: by the extents.
};

std::int64_t whole(double extent) {
  if (!(extent >= 0 && extent < 1e12)) throw invalid("an axis is resized to {} elements", extent);
  return static_cast<std::int64_t>(std::floor(extent));
}

Dim scaled(const Dim& extent, double scale) {
  if (const auto number = extent.constant()) return whole(static_cast<double>(*number) * scale);
  if (scale != std::floor(scale)) {
    throw unsupported("a symbolic extent times {}: {}", scale, extent.to_string());
  }
  return extent * Dim(static_cast<std::int64_t>(scale));
}

Axes resized_axes(const Call& call, int rank) {
  const auto given = call.integers("axes");
  if (!given) return identity_order(rank);
  Axes axes;
  for (const std::int64_t axis : *given) axes.push_back(axis_of(axis, rank));
  return axes;
}

void expect_entries(std::size_t found, std::size_t needed, std::string_view what) {
  if (found != needed) throw invalid("{} must have {} entries: {}", what, needed, found);
}

std::vector<Resizing> by_scales(const Shape& x, const Axes& axes,
                                const std::vector<double>& scales) {
  expect_entries(scales.size(), axes.size(), "scales");
  std::vector<Resizing> resizings;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!(scales[i] > 0) || scales[i] > 1e6) throw invalid("a scale is {}", scales[i]);
    resizings.push_back({static_cast<int>(axes[i]), scaled(x[axes[i]], scales[i]), scales[i]});
  }
  return resizings;
}

std::vector<Resizing> by_sizes(const Call& call, const Shape& x, const Axes& axes,
                               const std::vector<Dim>& sizes) {
  expect_entries(sizes.size(), axes.size(), "sizes");
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  std::vector<Resizing> resizings;
  if (policy == "stretch") {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      resizings.push_back({static_cast<int>(axes[i]), sizes[i]});
    }
    return resizings;
  }
  std::vector<double> scales;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    scales.push_back(static_cast<double>(fixed(sizes[i], "sizes")) /
                     static_cast<double>(fixed(x[axes[i]], "resized axes")));
  }
  const double scale = policy == "not_larger" ? *std::min_element(scales.begin(), scales.end())
                                              : *std::max_element(scales.begin(), scales.end());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const double extent = scale * static_cast<double>(*x[axes[i]].constant());
    resizings.push_back({static_cast<int>(axes[i]), whole(extent + 0.5), scale});
  }
  return resizings;
}

Value resized(Value x, const std::vector<Resizing>& resizings, const Attributes& common,
              const std::vector<double>& region) {
  const bool crops = common.get<std::string>("coordinates") == "tf_crop_and_resize";
  if (crops) expect_entries(region.size(), 2 * resizings.size(), "roi");
  for (std::size_t i = 0; i < resizings.size(); ++i) {
    const Resizing& resizing = resizings[i];
    if (!crops && resizing.extent == x.dim(resizing.axis) &&
        (resizing.scale == 0 || resizing.scale == 1)) {
      continue;
    }
    Attributes attributes = common;
    attributes.set("axis", std::int64_t{resizing.axis});
    attributes.set("extent", resizing.extent);
    attributes.set("scale", resizing.scale);
    if (crops) {
      if (region[i] == 0 && region[i + resizings.size()] == 1 &&
          resizing.extent == x.dim(resizing.axis)) {
        continue;
      }
      attributes.set("crop_start", region[i]);
      attributes.set("crop_end", region[i + resizings.size()]);
    }
    x = x.builder().op("resize", {x}, attributes);
  }
  return x;
}

Terms resize(Call& call) {
  const Value x = call.in(0);
  const bool is_first_version = call.opset() < 11;
  Attributes common{
      {"mode", call.text("mode", "nearest")},
      {"coordinates", is_first_version ? std::string("asymmetric")
                                       : call.text("coordinate_transformation_mode", "half_pixel")},
      {"rounding",
       is_first_version ? std::string("floor") : call.text("nearest_mode", "round_prefer_floor")},
      {"cubic_coefficient", call.real("cubic_coeff_a", -0.75)},
      {"exclude_outside", call.integer("exclude_outside", 0) != 0},
      {"antialias", call.integer("antialias", 0) != 0},
      {"extrapolation", call.real("extrapolation_value", 0)}};
  const Axes axes = resized_axes(call, x.rank());
  const std::size_t scales = is_first_version ? 1 : 2;
  const auto is_given = [&](std::size_t i) {
    return call.has(i) && element_count(call.shape(i)) != Dim(0);
  };
  const std::vector<double> region =
      !is_first_version && is_given(1) ? call.reals(1) : std::vector<double>();
  if (is_given(scales)) {
    return {resized(x, by_scales(x.shape(), axes, call.reals(scales)), common, region)};
  }
  if (is_first_version || !is_given(3)) throw invalid("scales or sizes are missing");
  return {resized(x, by_sizes(call, x.shape(), axes, call.dims(3)), common, region)};
}

Terms upsample(Call& call) {
  const Value x = call.in(0);
  const std::string mode = call.text("mode", "nearest");
  Attributes common{{"mode", mode},
                    {"coordinates", std::string("asymmetric")},
                    {"rounding", std::string("floor")}};
  const std::vector<double> scales =
      call.opset() < 9 ? call.reals("scales").value_or(std::vector<double>()) : call.reals(1);
  return {resized(x, by_scales(x.shape(), identity_order(x.rank()), scales), common, {})};
}

Terms sample_grid(Call& call) {
  std::string mode = call.text("mode", "linear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  const std::string padding = call.text("padding_mode", "zeros");
  if (mode != "linear" && mode != "nearest" && mode != "cubic") {
    throw invalid("mode must be linear, nearest or cubic: \"{}\"", mode);
  }
  if (padding != "zeros" && padding != "border" && padding != "reflection") {
    throw invalid("padding_mode must be zeros, border or reflection: \"{}\"", padding);
  }
  return {
      grid_sample(call.in(0), call.in(1), {mode, padding, call.integer("align_corners", 0) != 0})};
}

constexpr std::array table{
    Translator{"Compress", compress},
    Translator{"Gather", gather},
    Translator{"GatherElements", gather_elements},
    Translator{"GatherND", gather_nd},
    Translator{"GridSample", sample_grid},
    Translator{"NonZero", non_zero},
    Translator{"Resize", resize},
    Translator{"ReverseSequence", reverse_sequence},
    Translator{"Scatter", scatter_elements},
    Translator{"ScatterElements", scatter_elements},
    Translator{"ScatterND", scatter_nd},
    Translator{"Upsample", upsample},
};

}  // namespace

std::span<const Translator> indexing_translators() { return table; }

}  // namespace paceline::onnx
