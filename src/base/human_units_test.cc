// SPDX-License-Identifier: Apache-2.0

#include "base/human_units.h"

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(ParseBytesTest, UnitsOfDisksAndOfMemory) {
  EXPECT_EQ(ParseBytes("4096"), 4096u);
  EXPECT_EQ(ParseBytes("12B"), 12u);
  EXPECT_EQ(ParseBytes("3kB"), 3000u);
  EXPECT_EQ(ParseBytes("70MB"), 70'000'000u);
  EXPECT_EQ(ParseBytes("1.5 GB"), 1'500'000'000u);
  EXPECT_EQ(ParseBytes("2KiB"), 2048u);
  EXPECT_EQ(ParseBytes("1.5MiB"), 1'572'864u);
  EXPECT_EQ(ParseBytes("4 GiB"), uint64_t{4} << 30);
  EXPECT_EQ(ParseBytes("70mb"), 70'000'000u);
  EXPECT_EQ(ParseBytes("1.5 gib"), 1'610'612'736u);
  EXPECT_EQ(ParseBytes("0"), 0u);
}

TEST(ParseBytesTest, WhatIsNoSizeIsNothing) {
  for (const char* text : {"", "MB", "-1MB", "70 m", "70MBs", "7e3", "1,5GB", "nan", "inf", "infMB",
                           "99999999999 GB", "70MB ", " 70MB", "0x10"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
}

TEST(ParseCountTest, ThousandsAreWrittenShort) {
  EXPECT_EQ(ParseCount("4096"), 4096.0);
  EXPECT_EQ(ParseCount("500k"), 500e3);
  EXPECT_EQ(ParseCount("1.5 M"), 1.5e6);
  EXPECT_EQ(ParseCount("2B"), 2e9);
  for (const char* text : {"", "k", "0", "-1", "2MB", "2m", "nan", "inf", "1e16", "2M "}) {
    EXPECT_EQ(ParseCount(text), std::nullopt) << text;
  }
}

TEST(FormatTest, PeopleReadDecimalUnits) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(98'362'432), "98.4 MB");
  EXPECT_EQ(FormatCount(49152), "49,152");
  EXPECT_EQ(FormatFixed(3.14159, 2), "3.14");
  EXPECT_EQ(FormatDuration(8.4), "8 s");
  EXPECT_EQ(FormatDuration(99.6), "1 min 40 s");
  EXPECT_EQ(FormatDuration(178), "3 min");
  EXPECT_EQ(FormatDuration(594), "9 min 50 s");
  EXPECT_EQ(FormatDuration(596), "10 min");
  EXPECT_EQ(FormatDuration(14 * 60), "14 min");
  EXPECT_EQ(FormatDuration(3.5 * 3600), "3.5 h");
}

}  // namespace
}  // namespace altteul
