// SPDX-License-Identifier: Apache-2.0

#include "tools/option_values.h"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

namespace altteul::tools {
namespace {

std::string Check(const CLI::Validator& validator, const std::string& text) {
  return validator(text);
}

TEST(OptionValuesTest, WholeNumbersAreTakenWithinTheirBounds) {
  const CLI::Validator count = WholeNumber(-1, 32);
  for (const char* text : {"-1", "0", "1", "32"}) EXPECT_EQ(Check(count, text), "") << text;
  EXPECT_EQ(Check(count, "-2"), "-2: from -1 to 32");
  EXPECT_EQ(Check(count, "33"), "33: from -1 to 32");
  EXPECT_EQ(Check(count, "99999999999999999999"), "99999999999999999999: from -1 to 32");
}

TEST(OptionValuesTest, ABoundThatOnlyKeepsArithmeticSafeIsSaidWhereItIsMet) {
  const CLI::Validator tokens = WholeNumber(0, kMostTokens, "0 means all");
  EXPECT_EQ(Check(tokens, "4000000000"), "");
  EXPECT_EQ(Check(tokens, "-5"), "-5: at least 0; 0 means all");
  EXPECT_EQ(Check(tokens, "-99999999999999999999"),
            "-99999999999999999999: at least 0; 0 means all");
  EXPECT_EQ(Check(tokens, "18446744073709551615"), "18446744073709551615: at most 1099511627776");
}

TEST(OptionValuesTest, WhatIsNoWholeNumberIsSaidSo) {
  const CLI::Validator count = WholeNumber(1, 32);
  for (const char* text : {"few", "", "-", "1.5", "1e3", "4k", " 4", "0x10", "010", "--1"}) {
    EXPECT_EQ(Check(count, text), std::string(text) + ": a whole number, from 1 to 32");
  }
}

TEST(OptionValuesTest, RealNumbersAreFiniteAndWithinTheirBounds) {
  const CLI::Validator seconds = RealNumber(0.01, 86400);
  for (const char* text : {"0.01", "1", "86400", "1e3"}) EXPECT_EQ(Check(seconds, text), "");
  EXPECT_EQ(Check(seconds, "0"), "0: from 0.01 to 86400");
  EXPECT_EQ(Check(seconds, "1e300"), "1e300: from 0.01 to 86400");
  for (const char* text : {"soon", "", "nan", "inf", "1,5"}) {
    EXPECT_EQ(Check(seconds, text), std::string(text) + ": a number from 0.01 to 86400");
  }
  EXPECT_EQ(Check(AboveZero(), "1e-9"), "");
  for (const char* text : {"0", "-1", "x", "nan"}) {
    EXPECT_EQ(Check(AboveZero(), text), std::string(text) + ": a number above 0");
  }
}

}  // namespace
}  // namespace altteul::tools
