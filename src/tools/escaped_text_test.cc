// SPDX-License-Identifier: Apache-2.0

#include "tools/escaped_text.h"

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

TEST(EscapedTextTest, EscapesBecomeWhatTheyStandFor) {
  EXPECT_EQ(Unescape(R"(a\nb\tc\rd)"), "a\nb\tc\rd");
  EXPECT_EQ(Unescape(R"(\'\"\\n)"), "'\"\\n");
  EXPECT_EQ(Unescape(R"(\x41\x0a\x1B)"), "A\n\x1B");
}

TEST(EscapedTextTest, OtherBackslashesStay) {
  for (const char* text : {"", "plain", R"(C:\dir)", R"(\)", R"(a\)", R"(\x)", R"(\x4)", R"(\xg1)",
                           R"(\x-1)", "\xEC\x95\x8C"}) {
    EXPECT_EQ(Unescape(text), text);
  }
}

}  // namespace
}  // namespace altteul::tools
