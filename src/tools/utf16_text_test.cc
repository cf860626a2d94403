// SPDX-License-Identifier: Apache-2.0

#include "tools/utf16_text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

using namespace std::string_view_literals;

TEST(Utf16TextTest, BothOrdersBecomeUtf8) {
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFEh\0i\0"sv), "hi");
  EXPECT_EQ(Utf8OfUtf16("\xFE\xFF\0h\0i"sv), "hi");
  // U+00E9, U+AC00, U+1F600
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFE\xE9\0\x00\xAC\x3D\xD8\x00\xDE"sv),
            "\xC3\xA9\xEA\xB0\x80\xF0\x9F\x98\x80");
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFE"sv), "");
}

TEST(Utf16TextTest, OtherTextIsLeftAlone) {
  EXPECT_EQ(Utf8OfUtf16("\xEF\xBB\xBFhi"sv), std::nullopt);
  EXPECT_EQ(Utf8OfUtf16("hi"sv), std::nullopt);
  EXPECT_EQ(Utf8OfUtf16("\xFF"sv), std::nullopt);
  EXPECT_EQ(Utf8OfUtf16(""sv), std::nullopt);
}

TEST(Utf16TextTest, WhatIsNoCharacterIsReplaced) {
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFE\x3D\xD8"sv), replaced) << "half of a pair at the end";
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFE\x3D\xD8h\0"sv), replaced + "h");
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFE\x00\xDEh\0"sv), replaced + "h");
  EXPECT_EQ(Utf8OfUtf16("\xFF\xFEh\0i"sv), "h" + replaced) << "an odd byte";
}

}  // namespace
}  // namespace altteul::tools
