// SPDX-License-Identifier: Apache-2.0

#include "text/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::text {
namespace {

/// A code point by the definition of UTF-8 (RFC 3629), to compare the library with.
std::string Utf8(uint32_t c) {
  std::string s;
  if (c < 0x80) {
    s = {static_cast<char>(c)};
  } else if (c < 0x800) {
    s = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 63))};
  } else if (c < 0x10000) {
    s = {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 63)),
         static_cast<char>(0x80 | (c & 63))};
  } else {
    s = {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 63)),
         static_cast<char>(0x80 | ((c >> 6) & 63)), static_cast<char>(0x80 | (c & 63))};
  }
  return s;
}

TEST(Utf8Test, EveryCodePointIsOneCharacterAndEverySurrogateIsNone) {
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string s = Utf8(c);
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    ASSERT_EQ(CharacterLength(s + "x"), surrogate ? 0 : s.size()) << std::hex << c;
    if (!surrogate) {
      ASSERT_EQ(static_cast<uint32_t>(CodePointAt(s)), c);
    }
  }
}

TEST(Utf8Test, EveryCutCharacterIsAnIncompleteTailAndNothingElseIs) {
  for (uint32_t c = 0x80; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const std::string s = Utf8(c);
    for (size_t n = 1; n < s.size(); ++n) {
      ASSERT_EQ(IncompleteTailLength("ab" + s.substr(0, n)), n) << std::hex << c << " cut at " << n;
    }
    ASSERT_EQ(IncompleteTailLength("ab" + s), 0u) << std::hex << c;
  }
  for (const char* hopeless : {"\x80", "\xC0", "\xC1", "\xF5", "\xFF", "\xE0\x80", "\xED\xA0",
                               "\xF0\x8F", "\xF4\x90", "\xE4\xB8\x41", "\xC3\x28"}) {
    EXPECT_EQ(IncompleteTailLength(hopeless), 0u) << std::hex << (hopeless[0] & 0xFF);
  }
}

TEST(Utf8Test, TheValidPrefixEndsAtTheFirstBadByte) {
  EXPECT_EQ(ValidPrefixLength(""), 0u);
  EXPECT_EQ(ValidPrefixLength("a\xED\x95\x9C"), 4u);
  EXPECT_EQ(ValidPrefixLength("a\xED\x95"), 1u);
  EXPECT_EQ(ValidPrefixLength("\xFFxyz"), 0u);
}

TEST(Utf8Test, WhitespaceIsUnicodesWhiteSpace) {
  // PropList.txt, White_Space: 25 code points.
  size_t n = 0;
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) n += IsWhitespace(static_cast<char32_t>(c)) ? 1u : 0u;
  EXPECT_EQ(n, 25u);
  EXPECT_TRUE(IsWhitespace(0x85));
  EXPECT_TRUE(IsWhitespace(0x3000));
  EXPECT_FALSE(IsWhitespace(0x180E));
  EXPECT_FALSE(IsWhitespace(0x200B));
}

TEST(Utf8Test, NfcComposesAndLeavesInvalidBytesAlone) {
  auto nfc =
      NormalizeUnicode("e\xCC\x81\xFF\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE2", NormalForm::kNfc);
  ASSERT_TRUE(nfc.ok());
  EXPECT_EQ(nfc.value(), "\xC3\xA9\xFF\xED\x95\x9C\xE2");
}

}  // namespace
}  // namespace altteul::text
