// SPDX-License-Identifier: Apache-2.0

#include "tools/terminal_text.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace altteul::tools {
namespace {

std::string Hex(const char* format, unsigned value) {
  char text[16];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string InPieces(std::string_view text, size_t first_bytes) {
  TerminalText filter;
  std::string shown = filter.Push(text.substr(0, first_bytes));
  shown += filter.Push(text.substr(first_bytes));
  return shown + filter.Finish();
}

TEST(TerminalTextTest, AllOfC0ButLineEndsAndTabsAreShownAsTheirNumber) {
  for (unsigned c = 0; c < 0x20; ++c) {
    const std::string text = "a" + std::string(1, static_cast<char>(c)) + "b";
    const std::string wanted = c == '\n' || c == '\t' ? text : "a" + Hex("\\x%02x", c) + "b";
    EXPECT_EQ(TerminalLines(text), wanted) << c;
    EXPECT_EQ(InPieces(text, 1), wanted) << c;
  }
  EXPECT_EQ(TerminalLines("a\x7F"), "a\\x7f");
}

TEST(TerminalTextTest, C1IsShownAsItsNumberAsACharacterAndAsAByte) {
  for (unsigned c = 0x80; c < 0xA0; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const std::string character = "\xC2" + byte;
    for (const size_t split : {size_t{0}, size_t{1}, size_t{2}}) {
      EXPECT_EQ(InPieces(character + "x", split), Hex("\\u%04x", c) + "x") << c << " at " << split;
    }
    EXPECT_EQ(TerminalLines(byte), Hex("\\x%02x", c));
  }
}

TEST(TerminalTextTest, ASequenceIsHarmlessWhereverItIsSplit) {
  const std::string text =
      "a\x1B[31mred\xC2\x9B"
      "0m\xE2\x80\xAE"
      "abc\x07";
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(InPieces(text, split), "a\\x1b[31mred\\u009b0m\\u202eabc\\x07") << split;
  }
}

TEST(TerminalTextTest, DirectionIsShownAsItsNumberAndMarksStay) {
  for (const unsigned low : {0xAAu, 0xABu, 0xACu, 0xADu, 0xAEu}) {  // U+202A to U+202E
    const std::string text = std::string("\xE2\x80") + static_cast<char>(low);
    EXPECT_EQ(TerminalLines(text), Hex("\\u%04x", 0x2000 + low - 0x80));
  }
  for (const unsigned low : {0xA6u, 0xA7u, 0xA8u, 0xA9u}) {  // U+2066 to U+2069
    const std::string text = std::string("\xE2\x81") + static_cast<char>(low);
    EXPECT_EQ(TerminalLines(text), Hex("\\u%04x", 0x2040 + low - 0x80));
  }
  const std::string marks =
      "\xD7\xA9\xE2\x80\x8F \xE2\x80\x8E"
      "a";
  EXPECT_EQ(TerminalLines(marks), marks);
}

TEST(TerminalTextTest, OrdinaryTextStaysInWhateverPieces) {
  // Korean, a flag, a family joined by U+200D, combining marks, U+00A0 just behind C1.
  const std::string text =
      "\xEC\x95\x8C\xEB\x9C\xB0 \xF0\x9F\x87\xB0\xF0\x9F\x87\xB7 \xF0\x9F\x91\xA8\xE2\x80\x8D"
      "\xF0\x9F\x91\xA9 e\xCC\x81 \xC2\xA0\n\t\\x1b";
  EXPECT_EQ(TerminalLines(text), text);
  for (size_t split = 0; split <= text.size(); ++split) EXPECT_EQ(InPieces(text, split), text);
}

TEST(TerminalTextTest, BytesThatAreNoUtf8AreShownAsTheirNumber) {
  EXPECT_EQ(TerminalLines("\xFFz\xC0\x9B"), "\\xffz\\xc0\\x9b") << "an overlong ESC [";
  EXPECT_EQ(TerminalLines("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "half of a surrogate pair";
  TerminalText filter;
  EXPECT_EQ(filter.Push("a\xE2\x82"), "a");
  EXPECT_EQ(filter.Push("b"),
            "\\xe2\\x82"
            "b")
      << "it can no longer become a character";
  EXPECT_EQ(filter.Push("\xF0\x9F"), "");
  EXPECT_EQ(filter.Finish(), "\\xf0\\x9f");
  EXPECT_EQ(filter.Finish(), "");
}

TEST(TerminalTextTest, ANameIsOneLine) {
  EXPECT_EQ(Printable("a\nb\tc\r\x1B"), "a\\nb\\tc\\x0d\\x1b");
}

}  // namespace
}  // namespace altteul::tools
