#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "common/ops/all_ops.h"
#include "common/ops/resize_taps.h"
#include "tests/support/evaluate.h"

// Values are those of the standard's node tests (ONNX 1.13, Resize).
namespace paceline {
namespace {

using test::call;
using test::doubles;
using testing::AllOf;
using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Pointwise;
using testing::ThrowsMessage;

Attributes resizing(std::int64_t axis, std::int64_t extent, const std::string& mode,
                    const Attributes& more = {}) {
  Attributes attributes{{"axis", axis}, {"extent", Dim(extent)}, {"mode", mode}};
  for (const auto& [name, value] : more) attributes.set(name, value);
  return attributes;
}

// Rows and columns to `rows` and `columns`.
std::vector<double> resized(const Tensor& x, std::int64_t rows, std::int64_t columns,
                            const std::string& mode, const Attributes& more = {}) {
  const Tensor tall = call("resize", {x}, resizing(0, rows, mode, more));
  return call("resize", {tall}, resizing(1, columns, mode, more)).to_doubles();
}

ops::ResizeTaps resize_taps_of(std::int64_t from, std::int64_t to, Attributes more) {
  if (more.find("mode") == nullptr) more.set("mode", std::string("linear"));
  const Op& op = ops::all_ops().get("resize");
  more.set("axis", std::int64_t{0});
  more.set("extent", Dim(to));
  return ops::resize_taps(more.complete(op.name, op.attributes), from, to);
}

Tensor counted(std::int64_t rows, std::int64_t columns) {
  std::vector<double> elements(rows * columns);
  std::iota(elements.begin(), elements.end(), 1);
  return doubles({rows, columns}, elements);
}

void expect_near(const std::vector<double>& out, const std::vector<double>& wanted) {
  EXPECT_THAT(out, Pointwise(DoubleNear(1e-6), wanted));
}

TEST(Resize, RepeatsTheNearest) {
  const std::vector<double> out = resized(counted(2, 2), 4, 6, "nearest");
  EXPECT_THAT(std::vector(out.begin(), out.begin() + 6), ElementsAre(1, 1, 1, 2, 2, 2));
}

TEST(Resize, InterpolatesByTheScaleThatItIsGiven) {
  const Attributes scale{{"scale", 0.6}};
  expect_near(resized(counted(2, 4), 1, 2, "linear", scale), {2.6666665, 4.3333331});
  Attributes corners = scale;
  corners.set("coordinates", std::string("align_corners"));
  expect_near(resized(counted(2, 4), 1, 2, "linear", corners), {1, 3.142857142});
}

TEST(Resize, WidensItsTapsWhenAskedNotToAlias) {
  expect_near(resized(counted(2, 4), 1, 2, "linear", {{"scale", 0.6}, {"antialias", true}}),
              {2.875, 4.5});
}

TEST(Resize, InterpolatesCubically) {
  std::vector<double> out = resized(counted(4, 4), 8, 8, "cubic");
  out.resize(4);
  expect_near(out, {0.47265625, 0.76953125, 1.24609375, 1.875});
  out = resized(counted(4, 4), 8, 8, "cubic",
                {{"cubic_coefficient", -0.5}, {"exclude_outside", true}});
  out.resize(4);
  expect_near(out, {0.55882353, 0.81494204, 1.35698249, 1.89705882});
}

TEST(Resize, FillsWhatItCropsBeyondX) {
  const Attributes crop{{"coordinates", std::string("tf_crop_and_resize")},
                        {"crop_start", 0.5},
                        {"crop_end", 1.5},
                        {"extrapolation", 9.0}};
  const Tensor x = doubles({3}, {0, 1, 2});
  EXPECT_THAT(call("resize", {x}, resizing(0, 3, "linear", crop)).to_doubles(),
              ElementsAre(1, 2, 9));
}

TEST(Resize, RefusesUnknownModesAndIntegersToInterpolate) {
  const TensorType x{Dtype::i32, {4}};
  EXPECT_THAT([&] { test::infer("resize", {x}, resizing(0, 8, "bicubic")); },
              ThrowsMessage<Error>(HasSubstr("mode must be one of nearest, linear, cubic")));
  EXPECT_THAT([&] { test::infer("resize", {x}, resizing(0, 8, "linear")); },
              ThrowsMessage<Error>(HasSubstr("expected f32")));
  EXPECT_THAT([&] { test::infer("resize", {x}, resizing(0, -8, "nearest")); },
              ThrowsMessage<Error>(HasSubstr("negative")));
}

TEST(Resize, RefusesAScaleThatDoesNotLeadToItsExtent) {
  const TensorType x{Dtype::f32, {4}};
  for (const double scale : {1e-300, 1e-12, 0.1, 0.6, 1.2, 1e300}) {
    const Attributes given{{"scale", scale}, {"antialias", true}};
    EXPECT_THAT([&] { test::infer("resize", {x}, resizing(0, 3, "linear", given)); },
                ThrowsMessage<Error>(AllOf(HasSubstr("3"), HasSubstr("4 * "), HasSubstr("scale 0"))))
        << scale;
    EXPECT_THROW(resize_taps_of(4, 3, given), Error) << scale;
  }
  // Cut off and rounded.
  EXPECT_EQ(resize_taps_of(4, 2, {{"scale", 0.7}}).places.size(), 4u);
  EXPECT_EQ(resize_taps_of(4, 3, {{"scale", 0.7}}).places.size(), 6u);
  EXPECT_THROW(resize_taps_of(4, 1, {{"scale", 1e-12}, {"antialias", true}}), Error);
  EXPECT_EQ(resize_taps_of(4, 0, {{"scale", 1e-300}, {"antialias", true}}).width, 1);
}

TEST(Resize, StaysWithinXHoweverFarACropReaches) {
  const std::string crop = "tf_crop_and_resize";
  const Attributes far{{"coordinates", crop}, {"crop_start", -1e300}, {"crop_end", 1e300}};
  EXPECT_THAT(resize_taps_of(4, 3, far).places, Each(AllOf(Ge(0), Le(3))));
  Attributes nearest = far;
  nearest.set("mode", std::string("nearest"));
  EXPECT_THAT(resize_taps_of(4, 3, nearest).places, ElementsAre(0, 0, 3));
  for (const char* end : {"crop_start", "crop_end"}) {
    const Attributes wild{{"coordinates", crop}, {end, INFINITY}};
    EXPECT_THAT(
        [&] {
          test::infer("resize", {{Dtype::f32, {4}}}, resizing(0, 3, "linear", wild));
        },
        ThrowsMessage<Error>(HasSubstr(end)));
  }
}

}  // namespace
}  // namespace paceline
