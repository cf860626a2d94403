// SPDX-License-Identifier: Apache-2.0

#include "base/dates.h"

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(DatesTest, DaysAreCounted) {
  EXPECT_EQ(DaysSince1970("1970-01-01"), 0);
  EXPECT_EQ(DaysSince1970("2026-11-29"), 20786);
  EXPECT_EQ(DaysSince1970("2026-11"), DaysSince1970("2026-11-01"));
  EXPECT_EQ(DaysSince1970("2024"), DaysSince1970("2024-01-01"));
  EXPECT_EQ(DaysSince1970("2024-03-01") - DaysSince1970("2024-02-28"), 2);
}

TEST(DatesTest, OthersAreNone) {
  for (const char* text : {"", "x", "2026-13", "2026-02-30", "2026-", "20x6", "-1-1-1"}) {
    EXPECT_EQ(DaysSince1970(text), 0) << text;
  }
}

TEST(DatesTest, TodayIsADate) { EXPECT_GT(DaysSince1970(Today()), DaysSince1970("2026-01-01")); }

}  // namespace
}  // namespace altteul
