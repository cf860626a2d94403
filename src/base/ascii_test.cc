// SPDX-License-Identifier: Apache-2.0

#include "base/ascii.h"

#include <cctype>

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(AsciiTest, OnlyTheTwentySixCapitalsChange) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const char want = byte < 128 ? static_cast<char>(std::tolower(byte)) : c;
    EXPECT_EQ(Lower(c), want) << "byte " << byte;
  }
  EXPECT_EQ(Lower("Q4_K_M"), "q4_k_m");
  EXPECT_EQ(Lower("\xC3\x84"), "\xC3\x84");
  EXPECT_EQ(Lower(""), "");
}

TEST(AsciiTest, WordsAreEqualWhateverTheirCase) {
  EXPECT_TRUE(EqualWithoutCase("Content-Length", "content-LENGTH"));
  EXPECT_FALSE(EqualWithoutCase("ab", "abc"));
  EXPECT_FALSE(EqualWithoutCase("[", "{"));  // 32 apart, as capitals and small letters are
  EXPECT_TRUE(EqualWithoutCase("", ""));
}

TEST(AsciiTest, TrimsBothEndsAndNothingBetween) {
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim("a"), "a");
  EXPECT_EQ(Trim(" \r\n"), "");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim("\ta ", " "), "\ta");
  EXPECT_EQ(Trim("\v a", kWhiteSpace), "a");
  EXPECT_EQ(Trim("\v a"), "\v a");
}

TEST(AsciiTest, WhiteSpaceIsWhatCTakesForIt) {
  for (int byte = 0; byte < 128; ++byte) {
    const bool is_in = kWhiteSpace.find(static_cast<char>(byte)) != kWhiteSpace.npos;
    EXPECT_EQ(is_in, std::isspace(byte) != 0) << "byte " << byte;
  }
}

}  // namespace
}  // namespace altteul
