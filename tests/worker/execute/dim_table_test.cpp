#include "worker/execute/dim_table.h"

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

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
  EXPECT_THAT(dims.changed_dims(), UnorderedElementsAre(n, sum, four));
  dims.bind({{"N", 1}, {"past", 3}});
  EXPECT_THAT(dims.changed_dims(), ElementsAre(sum));
  EXPECT_EQ(dims.value(sum), 4);
  EXPECT_THAT(dims.changed_symbols(), ElementsAre(dims.add_symbol("past")));
  dims.bind({{"N", 1}, {"past", 3}});
  EXPECT_THAT(dims.changed_dims(), IsEmpty());
  EXPECT_THAT(dims.changed_symbols(), IsEmpty());
}

TEST(DimTable, EvaluatesADimOfTwoChangedSymbolsOnce) {
  DimTable dims;
  const std::int32_t product = dims.add(Dim::parse("N*past"));
  dims.bind({{"N", 1}, {"past", 2}});
  dims.bind({{"N", 3}, {"past", 4}});
  EXPECT_THAT(dims.changed_dims(), ElementsAre(product));
  EXPECT_EQ(dims.value(product), 12);
}

TEST(DimTable, AValueThatComesOutTheSameHasNotChanged) {
  DimTable dims;
  dims.add(Dim::parse("N+past"));
  dims.bind({{"N", 1}, {"past", 2}});
  dims.bind({{"N", 2}, {"past", 1}});
  EXPECT_THAT(dims.changed_dims(), IsEmpty());
}

TEST(DimTable, AFailedBindingChangesEverythingNextTime) {
  DimTable dims;
  const std::int32_t four = dims.add(4);
  const std::int32_t n = dims.add(Dim::parse("N"));
  EXPECT_THROW(dims.bind({}), Error);
  dims.bind({{"N", 1}});
  EXPECT_THAT(dims.changed_dims(), UnorderedElementsAre(four, n));
}

TEST(DimTable, RefusesASymbolThatIsNoLongerBound) {
  DimTable dims;
  dims.add(Dim::parse("N"));
  dims.bind({{"N", 1}});
  EXPECT_THROW(dims.bind({}), Error);
  EXPECT_THROW(dims.bind({{"N", -1}}), Error);
}

TEST(Dependents, ListsEachOnceInTheOrderAdded) {
  Dependents dependents;
  dependents.add(3, 7);
  dependents.add(3, 7);
  dependents.add(3, 2);
  EXPECT_THAT(dependents.of(3), ElementsAre(7, 2));
  EXPECT_THAT(dependents.of(0), IsEmpty());
  EXPECT_THAT(dependents.of(4), IsEmpty());
}

}  // namespace
}  // namespace paceline
