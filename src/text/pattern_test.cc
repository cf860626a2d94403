// SPDX-License-Identifier: Apache-2.0

#include "text/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "text/pre_tokenizer.h"

namespace altteul::text {
namespace {

std::vector<std::string> Matches(const std::string& source, std::string_view text,
                                 Pattern::Origin origin) {
  auto pattern = Pattern::Compile(source, origin);
  EXPECT_TRUE(pattern.ok()) << pattern.status().message();
  if (!pattern.ok()) return {};
  Pattern::Scratch scratch;
  std::vector<TextRange> ranges;
  const Status status = pattern.value().FindAll(text, scratch, ranges);
  EXPECT_TRUE(status.ok()) << status.message();
  std::vector<std::string> found;
  for (const TextRange& range : ranges) {
    found.emplace_back(text.substr(range.begin, range.size()));
  }
  return found;
}

TEST(PatternTest, WhitespaceIsUnicodesOwn) {
  const std::string text =
      "a\xC2\x85"
      "b\xE1\xA0\x8E"
      "c\xC2\xA0";  // U+0085, U+180E, U+00A0
  for (const auto origin : {Pattern::Origin::kOurs, Pattern::Origin::kFile}) {
    EXPECT_EQ(Matches(R"(\s)", text, origin), (std::vector<std::string>{"\xC2\x85", "\xC2\xA0"}));
    EXPECT_EQ(Matches(R"([^\s\p{L}])", text, origin), (std::vector<std::string>{"\xE1\xA0\x8E"}));
    EXPECT_EQ(Matches(R"(\S+)", text, origin), (std::vector<std::string>{"a",
                                                                         "b\xE1\xA0\x8E"
                                                                         "c"}));
  }
}

TEST(PatternTest, AGuardedSearchFindsWhatAFreeOneFinds) {
  // Longer than many windows, with matches that reach over their ends.
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += std::string(static_cast<size_t>(i % 90), i % 3 == 0 ? ' ' : 'a');
    text +=
        "\xED\x95\x9C"
        "1,x's\r\n";
  }
  for (const char* name : {"gpt2", "llama-bpe", "gpt-4o", "deepseek-v3"}) {
    const auto chain = PrePatternsByName(name);
    ASSERT_TRUE(chain.has_value()) << name;
    for (const PrePattern& pre : *chain) {
      EXPECT_EQ(Matches(pre.pattern, text, Pattern::Origin::kFile),
                Matches(pre.pattern, text, Pattern::Origin::kOurs))
          << pre.pattern;
    }
  }
}

TEST(PatternTest, LongRunsAreNoBurdenForAPublishedPattern) {
  const char* const names[] = {
      "default",        "gpt-2",        "llama-bpe",   "qwen2",     "qwen35",
      "ufakzeka",       "bailingmoe",   "seed-coder",  "minicpm5",  "laguna",
      "tekken",         "gpt-4o",       "tiny_aya",    "kimi-k2",   "youtu",
      "falcon",         "spark2_5",     "deepseek-v3", "afmoe",     "superbpe",
      "deepseek-coder", "deepseek-llm", "viking",      "chameleon", "jais-2"};
  for (const char* name : names) {
    auto made = PreTokenizer::Make(*PrePatternsByName(name));
    ASSERT_TRUE(made.ok()) << name << ": " << made.status().message();
    for (const char* unit : {"a", "A", "Aa", "\xEA\xB0\x80", "\xE4\xB8\xAD", "7", ".", " ", "\n"}) {
      // From every 512th space jais-2 looks at all that follow.
      const size_t n = std::string_view(name) == "jais-2" ? 20'000 : 100'000;
      std::string text;
      for (size_t i = 0; i < n; ++i) text += unit;
      text += "\xE4\xB8\xAD";
      Pattern::Scratch scratch;
      std::vector<std::string_view> pieces;
      const Status split = made.value().Split(text, scratch, pieces);
      EXPECT_TRUE(split.ok()) << name << " of " << unit << ": " << split.message();
    }
  }
}

TEST(PatternTest, EmptyMatchesAreFoundOnceEach) {
  EXPECT_EQ(Matches("(?=b)", "abab", Pattern::Origin::kFile).size(), 2u);
  EXPECT_EQ(Matches("x*", "axb", Pattern::Origin::kFile), (std::vector<std::string>{"", "x", ""}));
}

TEST(PatternTest, HostilePatternsGiveUpInsteadOfHanging) {
  const std::string text(100'000, 'a');
  for (const char* source : {"(a|aa)+$b", "(a+)+b", "[ab]*[cd]", "(?:a*a*a*)*c", "((a?){30})*b"}) {
    auto pattern = Pattern::Compile(source, Pattern::Origin::kFile);
    ASSERT_TRUE(pattern.ok()) << pattern.status().message();
    Pattern::Scratch scratch;
    std::vector<TextRange> ranges;
    const Status status = pattern.value().FindAll(text, scratch, ranges);
    EXPECT_FALSE(status.ok()) << source;
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument) << source;
  }
}

TEST(PatternTest, ABadPatternIsRefusedWithItsPlace) {
  auto pattern = Pattern::Compile("ab(c", Pattern::Origin::kFile);
  ASSERT_FALSE(pattern.ok());
  EXPECT_EQ(pattern.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(pattern.status().message().find("at byte 4"), std::string::npos)
      << pattern.status().message();
}

TEST(PatternTest, AQuotedTextMatchesItselfOnly) {
  const std::string text = "a.b*[c]\\ \n\x01#-";
  EXPECT_EQ(Matches(Pattern::Quote(text), "x" + text + "y", Pattern::Origin::kFile),
            std::vector<std::string>{text});
}

}  // namespace
}  // namespace altteul::text
