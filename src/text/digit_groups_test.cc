// SPDX-License-Identifier: Apache-2.0

// The digit groups against the patterns that they stand for, as the engine finds them.

#include "text/digit_groups.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "text/published_patterns.h"

namespace altteul::text {
namespace {

std::string Shown(const std::string& text, const std::vector<TextRange>& matches) {
  std::string shown;
  for (const TextRange& match : matches) {
    shown += std::to_string(match.begin) + "[" + text.substr(match.begin, match.size()) + "] ";
  }
  return shown;
}

TEST(DigitGroupsTest, AreWhatThePatternsMatch) {
  const char* const parts[] = {"1", "2", "34", "567", "٣",  "½",       "Ⅷ",
                               "a", "_", " ",  ".",   "가", "\xCC\x81"};
  const RandomStream random(7, "digit groups");
  for (const std::string_view pattern :
       {published::kThousands, published::kThousandsOfWords, published::kThousandsMarks}) {
    const auto groups = DigitGroups::Of(pattern);
    ASSERT_TRUE(groups.has_value()) << pattern;
    auto compiled = Pattern::Compile(
        // PCRE2's \b knows no marks and connectors.
        pattern == published::kThousandsOfWords
            ? R"(\d{1,3}(?=(?:\d{3})*(?![\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}½])))"
            : pattern,
        Pattern::Origin::kFile);
    ASSERT_TRUE(compiled.ok()) << compiled.status().message();
    for (uint64_t trial = 0; trial < 2000; ++trial) {
      std::string text;
      for (uint64_t i = 0; i < 1 + random.Bits(trial) % 12; ++i) {
        text += parts[random.Bits(trial * 31 + i + 1) % std::size(parts)];
      }
      Pattern::Scratch scratch;
      std::vector<TextRange> expected, found;
      ASSERT_TRUE(compiled.value().FindAll(text, scratch, expected).ok());
      groups->FindAll(text, found);
      ASSERT_EQ(Shown(text, found), Shown(text, expected)) << pattern << " in " << text;
    }
  }
}

TEST(DigitGroupsTest, ALongNumberIsReadOnce) {
  for (const std::string_view pattern :
       {published::kThousands, published::kThousandsOfWords, published::kThousandsMarks}) {
    std::vector<TextRange> matches;
    DigitGroups::Of(pattern)->FindAll(std::string(3'000'000, '7'), matches);
    EXPECT_EQ(matches.size(), 1'000'000u);
  }
}

}  // namespace
}  // namespace altteul::text
