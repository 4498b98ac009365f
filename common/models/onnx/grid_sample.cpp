#include "common/models/onnx/grid_sample.h"

#include <vector>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

// A coordinate in [-1, 1] as a place on an axis.
Value place_of(const Value& coordinate, std::int64_t extent, bool aligns_corners) {
  const auto n = static_cast<double>(extent);
  return aligns_corners ? (coordinate + 1.0) * ((n - 1) / 2) : ((coordinate + 1.0) * n - 1.0) * 0.5;
}

Value clamped(const Value& x, double low, double high) {
  return apply("minimum", apply("maximum", x, low), high);
}

// As a mirror at both ends: a triangle wave.
Value reflected(const Value& x, double low, double high) {
  if (high <= low) return x * 0.0 + low;
  const double span = high - low;
  const Value away = apply("fmod", apply("abs", x - low), 2 * span);
  return select(apply("greater", away, span), 2 * span - away, away) + low;
}

class Sampler {
 public:
  Sampler(const Value& x, const Value& grid, const GridSampling& how) : how_(how) {
    if (x.rank() != 4 || grid.rank() != 4) {
      throw unsupported("sampling of {} at {}: images [N,C,H,W] alone", x.type().to_string(),
                        grid.type().to_string());
    }
    height_ = fixed(x.dim(2), "an image");
    width_ = fixed(x.dim(3), "an image");
    const Dim area = x.dim(2) * x.dim(3);
    channels_last_ = x.permute({0, 2, 3, 1}).reshape({x.dim(0) * area, x.dim(1)});
    const Value coordinates = grid.cast(Dtype::f32);
    const auto part = [&](int i) { return drop_axes(coordinates.slice(3, i, i + 1), {3}); };
    column_ = place_of(part(0), width_, how.aligns_corners);
    row_ = place_of(part(1), height_, how.aligns_corners);
    first_ = counting(x.builder(), x.dim(0), Dtype::i64).reshape({x.dim(0), 1, 1}) *
             static_cast<double>(fixed(area, "an image"));
    dtype_ = x.dtype();
  }

  Value sample() const {
    const Value sampled = how_.mode == "nearest" ? at(apply("round", row_), apply("round", column_))
                          : how_.mode == "linear" ? weighted(2)
                                                  : weighted(4);
    return sampled.permute({0, 3, 1, 2});
  }

 private:
  Value within(const Value& place, std::int64_t extent) const {
    const auto n = static_cast<double>(extent);
    if (how_.padding != "reflection") return clamped(place, 0, n - 1);
    const Value mirrored =
        how_.aligns_corners ? reflected(place, 0, n - 1) : reflected(place, -0.5, n - 0.5);
    return clamped(apply("round", mirrored), 0, n - 1);
  }

  // Elements [N, H, W, C] at whole rows and columns.
  Value at(const Value& row, const Value& column) const {
    const Value r = within(row, height_).cast(Dtype::i64);
    const Value c = within(column, width_).cast(Dtype::i64);
    const Value places = first_ + r * static_cast<double>(width_) + c;
    const Value elements =
        row.builder().op("gather", {channels_last_, places}, {{"axis", std::int64_t{0}}});
    if (how_.padding != "zeros") return elements;
    const auto inside = [](const Value& place, std::int64_t extent) {
      return apply("logical_and", apply("greater_equal", place, 0),
                   apply("less", place, static_cast<double>(extent)));
    };
    const Value is_inside = apply("logical_and", inside(row, height_), inside(column, width_));
    return select(insert_axes(is_inside, {3}), elements, like(elements, 0));
  }

  // What the neighbours `width` around a place count on one axis; t is the distance from the first
  // of the two in the middle.
  static std::vector<Value> weights(const Value& t, int width) {
    if (width == 2) return {1.0 - t, t};
    constexpr double a = -0.75;
    const auto near = [](const Value& d) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; };
    const auto far = [](const Value& d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    return {far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)};
  }

  Value weighted(int width) const {
    const Value top = apply("floor", row_);
    const Value left = apply("floor", column_);
    const auto down = weights(row_ - top, width);
    const auto across = weights(column_ - left, width);
    const int before = width / 2 - 1;
    Value sum;
    for (int i = 0; i < width; ++i) {
      for (int j = 0; j < width; ++j) {
        const Value weight = insert_axes(down[i] * across[j], {3}).cast(dtype_);
        const Value term =
            at(top + static_cast<double>(i - before), left + static_cast<double>(j - before)) *
            weight;
        sum = i + j == 0 ? term : sum + term;
      }
    }
    return sum;
  }

  GridSampling how_;
  std::int64_t height_ = 0;
  std::int64_t width_ = 0;
  Value channels_last_;  // [N * H * W, C]
  Value column_;         // [N, H', W']
  Value row_;
  Value first_;  // Of each image.
  Dtype dtype_ = Dtype::f32;
};

}  // namespace

Value grid_sample(const Value& x, const Value& grid, const GridSampling& how) {
  return Sampler(x, grid, how).sample();
}

}  // namespace paceline::onnx
