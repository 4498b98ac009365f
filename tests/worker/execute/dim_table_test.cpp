#include "worker/execute/dim_table.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

TEST(DimTable, HoldsEqualDimsOnce) {
  DimTable dims;
  EXPECT_EQ(dims.add(Dim::parse("N+1")), dims.add(Dim::parse("1+N")));
  EXPECT_NE(dims.add(Dim::parse("N+1")), dims.add(Dim::parse("N")));
}

TEST(DimTable, TellsWhatABindingChanged) {
  DimTable dims;
  const std::int32_t n = dims.add(Dim::parse("N"));
  const std::int32_t sum = dims.add(Dim::parse("N+past"));
  const std::int32_t four = dims.add(4);
  dims.bind({{"N", 1}, {"past", 2}});
  EXPECT_TRUE(dims.changed(n) && dims.changed(sum) && dims.changed(four));
  dims.bind({{"N", 1}, {"past", 3}});
  EXPECT_FALSE(dims.changed(n) || dims.changed(four));
  EXPECT_TRUE(dims.changed(sum));
  EXPECT_EQ(dims.value(sum), 4);
  EXPECT_TRUE(dims.changed(std::set<std::string>{"past"}));
  EXPECT_FALSE(dims.changed(std::set<std::string>{"N"}));
}

TEST(DimTable, AValueThatComesOutTheSameHasNotChanged) {
  DimTable dims;
  const std::int32_t sum = dims.add(Dim::parse("N+past"));
  dims.bind({{"N", 1}, {"past", 2}});
  dims.bind({{"N", 2}, {"past", 1}});
  EXPECT_FALSE(dims.changed(sum));
}

TEST(DimTable, AFailedBindingChangesEverythingNextTime) {
  DimTable dims;
  const std::int32_t four = dims.add(4);
  dims.add(Dim::parse("N"));
  EXPECT_THROW(dims.bind({}), Error);
  dims.bind({{"N", 1}});
  EXPECT_TRUE(dims.changed(four));
}

}  // namespace
}  // namespace paceline
