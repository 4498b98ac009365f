#include "common/graph/dtype.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/graph/device.h"

namespace paceline {
namespace {

constexpr Dtype all[] = {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16,   Dtype::i64,
                         Dtype::i32, Dtype::i8,  Dtype::u8,  Dtype::boolean};

TEST(Dtype, ReadsBackItsName) {
  for (const Dtype dtype : all) EXPECT_EQ(parse_dtype(to_string(dtype)), dtype);
  EXPECT_EQ(parse_dtype("float"), std::nullopt);
}

TEST(Dtype, IsAFloatAnIntegerOrBool) {
  for (const Dtype dtype : all) {
    EXPECT_EQ(is_float(dtype) + is_integer(dtype) + (dtype == Dtype::boolean), 1);
  }
}

TEST(Dtype, KnowsItsTypeAndSize) {
  for (const Dtype dtype : all) {
    visit_dtype(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      EXPECT_EQ(size_bytes(dtype), sizeof(T));
      EXPECT_EQ(dtype_of<T>, dtype);
    });
  }
}

TEST(Device, ReadsBackItsName) {
  EXPECT_EQ(Device::parse("cpu"), Device{});
  EXPECT_EQ(Device::parse("cuda:3"), (Device{DeviceKind::cuda, 3}));
  EXPECT_EQ(Device::parse("cuda:3").to_string(), "cuda:3");
}

TEST(Device, RefusesOtherNames) {
  for (const char* name : {"", "gpu", "cpu:0", "cuda", "cuda:", "cuda:-1", "cuda:1x"}) {
    EXPECT_THROW(Device::parse(name), Error) << name;
  }
}

}  // namespace
}  // namespace paceline
