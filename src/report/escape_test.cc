// SPDX-License-Identifier: Apache-2.0

#include "report/escape.h"

#include <gtest/gtest.h>

namespace altteul::report {
namespace {

TEST(EscapeTest, CharactersWithAMeaningBecomeEntities) {
  EXPECT_EQ(EscapeMarkup("</script><b a=\"x\" c='y'> & &amp;"),
            "&lt;/script&gt;&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt; &amp; &amp;amp;");
}

TEST(EscapeTest, WordsOfAllLanguagesStay) {
  EXPECT_EQ(EscapeMarkup("알뜰 é 🙂\n\tend"), "알뜰 é 🙂\n\tend");
}

TEST(EscapeTest, WhatXmlForbidsIsReplaced) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(EscapeMarkup(std::string_view("a\0b\x1b\x7f", 5)), "a" + r + "b" + r + r);
  EXPECT_EQ(EscapeMarkup("caf\xe9"), "caf" + r);
  EXPECT_EQ(EscapeMarkup("\xEF\xBF\xBF"), r);          // U+FFFF
  EXPECT_EQ(EscapeMarkup("\xC2\x85"), r);              // U+0085, a control character
  EXPECT_EQ(EscapeMarkup("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(EscapeMarkup("\xF0\x9F\x99"), r + r + r);  // cut
  EXPECT_EQ(EscapeMarkup("\xC0\xBC"
                         "script"),
            r + r + "script");  // '<', too long
}

// All of one and two bytes: nothing that ends a tag or a value gets through.
TEST(EscapeTest, NoPairOfBytesYieldsMarkup) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      const std::string out = EscapeMarkup(text);
      EXPECT_EQ(out.find_first_of("<>\"'"), std::string::npos) << first << " " << second;
      EXPECT_EQ(EscapeMarkup(out + "x").back(), 'x');
    }
  }
}

}  // namespace
}  // namespace altteul::report
