// SPDX-License-Identifier: Apache-2.0

#include "engine/prompt_lookup.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using testing::BytesAsTokens;
using text::TokenId;

// What is proposed behind `history`, as text; "" for nothing.
std::string Guess(PromptLookup& lookup, std::string_view history) {
  const std::vector<TokenId> tokens = BytesAsTokens(history);
  std::vector<float> chances(lookup.longest());
  std::vector<TokenId> out(lookup.Forecast(tokens, chances));
  if (out.empty()) return "";
  EXPECT_TRUE(lookup.Propose(tokens, out).ok());
  return std::string(out.begin(), out.end());
}

std::string GuessBehind(std::string_view history, size_t longest = 4) {
  PromptLookup lookup(longest);
  EXPECT_TRUE(lookup.Begin(BytesAsTokens(history), {}).ok());
  return Guess(lookup, history);
}

TEST(PromptLookupTest, ProposesWhatFollowedTheSameTokens) {
  EXPECT_EQ(GuessBehind("the quick brown fox; the qui"), "ck b");
  EXPECT_EQ(GuessBehind("the quick brown fox; the qui", 9), "ck brown ");
}

TEST(PromptLookupTest, TwoTokensMustAgree) {
  EXPECT_EQ(GuessBehind("abcdefgxb"), "");
  EXPECT_EQ(GuessBehind("abcdefgbc"), "defg");
  EXPECT_EQ(GuessBehind(""), "");
  EXPECT_EQ(GuessBehind("a"), "");
  EXPECT_EQ(GuessBehind("aa"), "") << "the run has not stood anywhere before";
}

TEST(PromptLookupTest, TheLongestAgreementWinsThenTheLatest) {
  EXPECT_EQ(GuessBehind("1234A...34B...1234", 1), "A");
  EXPECT_EQ(GuessBehind("234A...34B...1234", 1), "A");
  EXPECT_EQ(GuessBehind("34A...34B...1234", 1), "B");
}

TEST(PromptLookupTest, ASourceMayRunIntoItsOwnProposal) {
  EXPECT_EQ(GuessBehind("xabab", 5), "ababa");
  EXPECT_EQ(GuessBehind("aaa", 3), "aaa");
}

TEST(PromptLookupTest, ARightSourceIsFollowedEvenWhenALaterOneFits) {
  // Behind "abcd" the first time comes X; the source is there when 12abc agrees by five.
  PromptLookup lookup(2);
  const std::string prompt = "012abcdX..abcdY..012abc";
  ASSERT_TRUE(lookup.Begin(BytesAsTokens(prompt), {}).ok());
  EXPECT_EQ(Guess(lookup, prompt), "dX");
  EXPECT_EQ(Guess(lookup, prompt + "d"), "X.");
}

TEST(PromptLookupTest, EveryLongEnoughRunIsFoundAmongManyAndTheLatestOne) {
  // 20,000 tokens of an alphabet of 12: far more runs than the first table holds.
  std::mt19937 rng(20261124);
  std::vector<TokenId> tokens;
  PromptLookup lookup(1);
  std::map<std::array<TokenId, 4>, size_t> latest;
  std::vector<float> chances(1);
  TokenId out = 0;
  size_t found = 0;
  TokenId followed = -1;  // the guess while a source is being followed
  for (size_t i = 0; i < 20000; ++i) {
    tokens.push_back(static_cast<TokenId>(rng() % 12));
    const bool right = tokens.back() == followed;
    const bool guessed = lookup.Forecast(tokens, chances) != 0;
    if (guessed) {
      ASSERT_TRUE(lookup.Propose(tokens, {&out, 1}).ok());
    }
    followed = guessed ? out : -1;
    if (tokens.size() < 4) continue;
    const std::array<TokenId, 4> run{tokens[i - 3], tokens[i - 2], tokens[i - 1], tokens[i]};
    const auto known = latest.find(run);
    if (known != latest.end() && !right) {
      ++found;
      ASSERT_TRUE(guessed) << "at " << i;
      ASSERT_EQ(out, tokens[known->second]) << "at " << i;
    }
    latest[run] = i + 1;
  }
  EXPECT_GT(found, 1000u);
}

TEST(PromptLookupTest, LearnsFromAnswersWhetherCopyingPays) {
  // Pairs come back, but with something else behind them.
  PromptLookup lookup(1);
  std::vector<TokenId> tokens;
  std::vector<float> chances(1);
  ASSERT_TRUE(lookup.Begin(tokens, {}).ok());
  for (TokenId i = 0; i < 200; ++i) {
    tokens.insert(tokens.end(), {7, 8, 1000 + i});
    lookup.Forecast(tokens, chances);
  }
  tokens.insert(tokens.end(), {7, 8});
  ASSERT_EQ(lookup.Forecast(tokens, chances), 1u);
  // A memory of 48 trials without a hit leaves about nothing of the first belief, 0.2.
  EXPECT_LT(chances[0], 0.05f);

  PromptLookup other(1);
  std::vector<TokenId> copies;
  ASSERT_TRUE(other.Begin(copies, {}).ok());
  for (int round = 0; round < 20; ++round) {
    for (TokenId id = 0; id < 50; ++id) {
      copies.push_back(id);
      other.Forecast(copies, chances);
    }
  }
  ASSERT_EQ(other.Forecast(copies, chances), 1u);
  EXPECT_GT(chances[0], 0.97f);
}

TEST(PromptLookupTest, LongerAgreementsAreLikelierAndChancesAreProbabilities) {
  PromptLookup lookup(20);
  const std::vector<TokenId> tokens = BytesAsTokens("abcd abcd");
  ASSERT_TRUE(lookup.Begin(tokens, {}).ok());
  std::vector<float> chances(20);
  ASSERT_EQ(lookup.Forecast(tokens, chances), 20u);
  for (size_t i = 0; i < chances.size(); ++i) {
    EXPECT_GT(chances[i], i == 0 ? 0.0f : chances[i - 1] - 1e-6f);
    EXPECT_LT(chances[i], 1.0f);
  }
}

TEST(PromptLookupTest, AnotherConversationForgetsTheOneBefore) {
  PromptLookup lookup(3);
  ASSERT_TRUE(lookup.Begin(BytesAsTokens("abcdefgh abcd"), {}).ok());
  ASSERT_TRUE(lookup.Begin(BytesAsTokens("abcxyz abc"), {}).ok());
  EXPECT_EQ(Guess(lookup, "abcxyz abc"), "xyz");
  ASSERT_TRUE(lookup.Begin(BytesAsTokens("ab"), {}).ok());
  EXPECT_EQ(Guess(lookup, "ab"), "");
  ASSERT_TRUE(lookup.Begin(BytesAsTokens("abQab"), {}).ok());
  EXPECT_EQ(Guess(lookup, "abQab"), "Qab");
}

}  // namespace
}  // namespace altteul::engine
