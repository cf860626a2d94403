// SPDX-License-Identifier: Apache-2.0

#include "base/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace altteul {
namespace {

TEST(StatisticsTest, TheMedianOfAnEvenNumberLiesBetweenTheMiddleTwo) {
  EXPECT_EQ(Median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median(std::vector<double>{5, 1, 3}), 3.0);
}

TEST(StatisticsTest, OneValueIsItsOwnSpread) {
  const Spread spread = SpreadOf(std::vector<double>{7});
  EXPECT_EQ(spread.median, 7.0);
  EXPECT_EQ(spread.lowest, 7.0);
  EXPECT_EQ(spread.highest, 7.0);
  EXPECT_EQ(spread.quarter, 7.0);
  EXPECT_EQ(spread.three_quarter, 7.0);
}

// By hand, and as numpy.quantile's default gives them.
TEST(StatisticsTest, QuartilesAreLinearBetweenNeighbours) {
  const Spread spread = SpreadOf(std::vector<double>{40, 10, 20, 30});
  EXPECT_EQ(spread.lowest, 10.0);
  EXPECT_EQ(spread.quarter, 17.5);
  EXPECT_EQ(spread.median, 25.0);
  EXPECT_EQ(spread.three_quarter, 32.5);
  EXPECT_EQ(spread.highest, 40.0);
}

TEST(StatisticsTest, AnOutlierDoesNotMoveTheMedian) {
  EXPECT_EQ(Median(std::vector<double>{1, 1, 1, 1e9, 1}), 1.0);
}

}  // namespace
}  // namespace altteul
