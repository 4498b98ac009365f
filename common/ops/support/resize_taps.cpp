#include "common/ops/resize_taps.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/error.h"

namespace paceline::ops {

namespace {

struct Axis {
  const Attributes& attributes;
  std::int64_t from, to;
  double scale;

  // The standard counts with the extent before it is rounded.
  double width() const { return scale * static_cast<double>(from); }
  bool is(std::string_view name, std::string_view value) const {
    return attributes.get<std::string>(name) == value;
  }
  double real(std::string_view name) const { return attributes.get<double>(name); }
};

double length(std::int64_t extent) { return static_cast<double>(extent); }

// Where element i of the output lies in x.
double coordinate(const Axis& axis, std::int64_t i) {
  const double at = length(i), half = (at + 0.5) / axis.scale - 0.5;
  if (axis.is("coordinates", "asymmetric")) return at / axis.scale;
  if (axis.is("coordinates", "pytorch_half_pixel")) return axis.to > 1 ? half : 0;
  if (axis.is("coordinates", "tf_half_pixel_for_nn")) return (at + 0.5) / axis.scale;
  if (axis.is("coordinates", "align_corners")) {
    return axis.to > 1 ? at * length(axis.from - 1) / (axis.width() - 1) : 0;
  }
  if (axis.is("coordinates", "half_pixel_symmetric")) {
    const double adjustment = length(axis.to) / axis.width();
    const double center = length(axis.from) / 2;
    return center * (1 - adjustment) + half;
  }
  if (axis.is("coordinates", "tf_crop_and_resize")) {
    const double start = axis.real("crop_start"), end = axis.real("crop_end");
    const double last = length(axis.from - 1);
    if (axis.to == 1) return 0.5 * (start + end) * last;
    return start * last + at * (end - start) * last / (axis.width() - 1);
  }
  return half;
}

std::int64_t nearest(const Axis& axis, double at) {
  double place = std::floor(at);
  if (axis.is("rounding", "ceil")) place = std::ceil(at);
  if (axis.is("rounding", "round_prefer_floor")) place = std::ceil(at - 0.5);
  if (axis.is("rounding", "round_prefer_ceil")) place = std::floor(at + 0.5);
  return static_cast<std::int64_t>(place);
}

double linear(double distance) { return std::max(0.0, 1 - std::abs(distance)); }

// Keys 1981, with a = -0.5 or -0.75.
double cubic(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

double weight(const Axis& axis, double distance) {
  if (axis.is("mode", "linear")) return linear(distance);
  return cubic(distance, axis.real("cubic_coefficient"));
}

// The taps of one output: `first`, first + 1, ...; clamped to x, or dropped when they are excluded.
void add_taps(const Axis& axis, double at, double squeeze, std::int64_t width, ResizeTaps& taps) {
  const auto first = static_cast<std::int64_t>(std::floor(at)) - (width / 2 - 1);
  const std::size_t start = taps.weights.size();
  double sum = 0;
  for (std::int64_t place = first; place < first + width; ++place) {
    const bool is_inside = place >= 0 && place < axis.from;
    const bool is_dropped = !is_inside && axis.attributes.get<bool>("exclude_outside");
    const double w = is_dropped ? 0 : weight(axis, (length(place) - at) * squeeze);
    taps.places.push_back(std::clamp<std::int64_t>(place, 0, axis.from - 1));
    taps.weights.push_back(w);
    sum += w;
  }
  // Without squeezing or dropping the weights sum to one already.
  if (sum == 0 || (squeeze == 1 && !axis.attributes.get<bool>("exclude_outside"))) return;
  for (std::size_t i = start; i < taps.weights.size(); ++i) taps.weights[i] /= sum;
}

}  // namespace

void expect_resize_scale(double scale, std::int64_t from, std::int64_t to) {
  if (scale == 0) return;
  // Extents are cut off or rounded. So taps, which are about 4 / scale each, are at most 8 * from.
  const double rest = scale * length(from) - length(to);
  if (rest >= -0.5 && rest <= 1) return;
  throw invalid("an extent of {} is not {} * {}, cut off or rounded: scale 0 takes it as it is", to,
                from, scale);
}

ResizeTaps resize_taps(const Attributes& attributes, std::int64_t from, std::int64_t to) {
  if (to > 0 && from == 0) throw invalid("resize: nothing to make {} elements of", to);
  Axis axis{attributes, from, to, attributes.get<double>("scale")};
  expect_resize_scale(axis.scale, from, to);
  if (to == 0) return {.width = 1};
  if (axis.scale == 0) axis.scale = length(to) / length(from);
  const bool is_nearest = axis.is("mode", "nearest");
  const bool squeezes = attributes.get<bool>("antialias") && axis.scale < 1 && !is_nearest;
  const double squeeze = squeezes ? axis.scale : 1;
  const double reach = (axis.is("mode", "linear") ? 1 : 2) / squeeze;
  ResizeTaps taps{.width = is_nearest ? 1 : 2 * static_cast<std::int64_t>(std::ceil(reach))};
  for (std::int64_t i = 0; i < to; ++i) {
    const double exact = coordinate(axis, i);
    if (std::isnan(exact)) throw invalid("resize: element {} of {} has no place in x", i, to);
    taps.is_outside.push_back(axis.is("coordinates", "tf_crop_and_resize") &&
                              (exact < 0 || exact > length(from - 1)));
    // Farther out all taps are the edge.
    const double far = length(taps.width + 1);
    const double at = std::clamp(exact, -far, length(from) + far);
    if (is_nearest) {
      taps.places.push_back(std::clamp<std::int64_t>(nearest(axis, at), 0, from - 1));
      taps.weights.push_back(1);
    } else {
      add_taps(axis, at, squeeze, taps.width, taps);
    }
  }
  return taps;
}

}  // namespace paceline::ops
