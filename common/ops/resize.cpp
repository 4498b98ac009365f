#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "common/ops/resize_taps.h"
#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

void expect_word(const OpInputs& in, std::string_view attribute,
                 const std::vector<std::string_view>& words) {
  const std::string& word = in.attributes.get<std::string>(attribute);
  if (std::ranges::count(words, word) > 0) return;
  throw invalid("{} must be one of {}: \"{}\"", attribute, fmt::join(words, ", "), word);
}

Types infer(const OpInputs& in) {
  expect_word(in, "mode", {"nearest", "linear", "cubic"});
  expect_word(in, "coordinates",
              {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
               "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  expect_word(in, "rounding", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  const bool is_nearest = in.attributes.get<std::string>("mode") == "nearest";
  expect(is_nearest ? Elements::any : Elements::floats, in[0]);
  const double scale = in.attributes.get<double>("scale");
  if (!(scale >= 0) || std::isinf(scale)) throw invalid("scale must be 0 or more: {}", scale);
  for (const char* end : {"crop_start", "crop_end"}) {
    const double at = in.attributes.get<double>(end);
    if (!std::isfinite(at)) throw invalid("{} must be finite: {}", end, at);
  }
  TensorType out{in[0].dtype, in[0].shape};
  Dim& extent = out.shape[axis_of(in)];
  const auto from = extent.constant();
  extent = in.attributes.get<Dim>("extent");
  expect_extents(out.shape);
  if (from && extent.is_constant()) expect_resize_scale(scale, *from, *extent.constant());
  return {out};
}

void reference(const ReferenceCall& call) {
  const Tensor &x = call.inputs[0], &out = call.outputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  const Rows from = rows_of(x.extents(), axis), to = rows_of(out.extents(), axis);
  const ResizeTaps taps = resize_taps(call.attributes, from.extent, to.extent);
  for (std::int64_t o = 0; o < to.outer; ++o) {
    for (std::int64_t i = 0; i < to.extent; ++i) {
      for (std::int64_t n = 0; n < to.inner; ++n) {
        if (taps.is_outside[i]) {
          const Tensor filler =
              Tensor::of<double>({}, {call.attributes.get<double>("extrapolation")});
          copy_elements(filler.cast(out.dtype()), 0, out, to.offset(o, i, n));
        } else if (taps.width == 1) {
          copy_elements(x, from.offset(o, taps.places[i], n), out, to.offset(o, i, n));
        } else {
          double sum = 0;
          for (std::int64_t t = i * taps.width; t < (i + 1) * taps.width; ++t) {
            // Without weight not even NaN and infinity count.
            if (taps.weights[t] == 0) continue;
            sum += taps.weights[t] * x.as<double>()[from.offset(o, taps.places[t], n)];
          }
          out.as<double>()[to.offset(o, i, n)] = sum;
        }
      }
    }
  }
}

struct Resize {
  Extents x;
  std::int64_t axis, extent;
  const char* mode = "linear";
  const char* coordinates = "half_pixel";
  const char* rounding = "round_prefer_floor";
  Dtype dtype = Dtype::f32;
};

Sample sample(const Resize& of, const Attributes& more = {}) {
  Sample sample{{{of.dtype, of.x}},
                {{"axis", of.axis},
                 {"extent", Dim(of.extent)},
                 {"mode", std::string(of.mode)},
                 {"coordinates", std::string(of.coordinates)},
                 {"rounding", std::string(of.rounding)}}};
  for (const auto& [name, value] : more) sample.attributes.set(name, value);
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample({{5}, 0, 9}),
      sample({{3, 7}, -1, 4, "cubic"}),
      sample({{2, 3, 8, 5}, 2, 16, "nearest", "asymmetric", "floor"}),
      sample({{2, 3, 8, 5}, 3, 3, "nearest"}),
      sample({{1, 2, 9, 5}, 2, 20, "linear", "align_corners"}),
      sample({{1, 2, 9, 5}, 2, 6, "cubic", "half_pixel_symmetric"}, {{"scale", 0.7}}),
      sample({{1, 2, 9}, 2, 1, "linear", "pytorch_half_pixel"}),
      sample({{2, 9}, 1, 7, "nearest", "tf_half_pixel_for_nn", "ceil"}),
      sample({{2, 9}, 1, 7, "nearest", "half_pixel", "round_prefer_ceil"}),
      sample({{2, 9, 3}, 1, 7, "linear", "tf_crop_and_resize"},
             {{"crop_start", 0.2}, {"crop_end", 1.3}, {"extrapolation", 5.0}}),
      sample({{2, 9, 3}, 1, 5, "cubic"}, {{"exclude_outside", true}, {"cubic_coefficient", -0.5}}),
      sample({{2, 9, 3}, 1, 4, "linear"}, {{"antialias", true}}),
      sample({{2, 16, 28, 28}, 2, 56}),
      sample({{2, 16, 28, 28}, 3, 56, "nearest", "asymmetric", "floor"}),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample({{2, 7}, 1, 10, "linear", "half_pixel", "floor", dtype}));
  }
  for (const Dtype dtype : {Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8, Dtype::boolean}) {
    samples.push_back(sample({{2, 7}, 1, 10, "nearest", "half_pixel", "floor", dtype}));
  }
  return samples;
}

}  // namespace

Op resize() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axis", AttributeKind::integer},
                     {"extent", AttributeKind::dim},
                     {"scale", AttributeKind::real, 0.0},
                     {"mode", AttributeKind::text, std::string("nearest")},
                     {"coordinates", AttributeKind::text, std::string("half_pixel")},
                     {"rounding", AttributeKind::text, std::string("round_prefer_floor")},
                     {"cubic_coefficient", AttributeKind::real, -0.75},
                     {"exclude_outside", AttributeKind::boolean, false},
                     {"antialias", AttributeKind::boolean, false},
                     {"crop_start", AttributeKind::real, 0.0},
                     {"crop_end", AttributeKind::real, 1.0},
                     {"extrapolation", AttributeKind::real, 0.0}},
      .infer = infer,
      // Fewer elements than all of x may be read, so only the result counts.
      .work =
          [](const OpInputs& in) {
            return Work{0, size_bytes(infer(in)[0])};
          },
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
