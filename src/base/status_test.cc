// SPDX-License-Identifier: Apache-2.0

#include "base/status.h"

#include <gtest/gtest.h>

#include "base/checked_math.h"
#include "base/human_units.h"

namespace altteul {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Status(ErrorCode::kInvalidArgument, "odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  ALT_ASSIGN_OR_RETURN(const int half, Half(value));
  ALT_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(StatusTest, MacroPassesValuesAndErrorsOn) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(CheckedMathTest, RefusesToWrap) {
  EXPECT_EQ(CheckedMul(1u << 31, 4), uint64_t{1} << 33);
  EXPECT_FALSE(CheckedMul(uint64_t{1} << 63, 2).has_value());
}

TEST(HumanUnitsTest, RoundsToOneDecimal) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(98362432), "98.4 MB");
  EXPECT_EQ(FormatBytes(999999), "1.0 MB");
  EXPECT_EQ(FormatCount(262144), "262,144");
  EXPECT_EQ(FormatCount(12), "12");
}

}  // namespace
}  // namespace altteul
