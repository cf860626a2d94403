// SPDX-License-Identifier: Apache-2.0

#include "engine/draft_model.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using kernels::KvType;
using testing::BytesAsTokens;
using testing::TestModel;
using text::TokenId;

SamplerOptions Greedy() {
  SamplerOptions greedy;
  greedy.temperature = 0;
  return greedy;
}

testing::TestModelOptions Alphabet() {
  testing::TestModelOptions options;
  options.script = BytesAsTokens("abcdefghijklmnopqrstuvwxyz");
  options.script_repeats = true;
  return options;
}

struct Drafted {
  TestModel model{Alphabet()};
  std::unique_ptr<Forward> forward = model.NewForward(8, 64);
  std::unique_ptr<DraftModel> draft =
      std::move(DraftModel::Create(
                    *forward, *model.model,
                    {.kv_type = KvType::kF16, .context = 64, .longest = 6, .sampler = Greedy()}))
          .value();
  std::vector<float> chances = std::vector<float>(6);

  std::string Guess(std::string_view history, size_t n) {
    const std::vector<TokenId> tokens = BytesAsTokens(history);
    if (draft->Forecast(tokens, chances) < n) return "nothing";
    std::vector<TokenId> out(n);
    EXPECT_TRUE(draft->Propose(tokens, out).ok());
    return std::string(out.begin(), out.end());
  }
};

TEST(DraftModelTest, ContinuesWhateverHistoryComes) {
  Drafted d;
  ASSERT_TRUE(d.draft->Begin(BytesAsTokens("a long beginning, then c"), {}).ok());
  EXPECT_EQ(d.Guess("a long beginning, then cd", 3), "efg");
  EXPECT_EQ(d.Guess("a long beginning, then cdef", 2), "gh") << "two came true";
  EXPECT_EQ(d.Guess("a long beginning, then cdefx", 6), "yzabcd") << "all were wrong";
  EXPECT_EQ(d.Guess("a long beginning, then cdefxyzabcde", 2), "fg") << "all came true";
  ASSERT_TRUE(d.draft->Begin(BytesAsTokens("a long"), {}).ok());
  EXPECT_EQ(d.Guess("a longq", 2), "rs");
}

TEST(DraftModelTest, ProposesOnlyWhatFitsItsContext) {
  Drafted d;
  const std::string prompt(60, 'b');
  ASSERT_TRUE(d.draft->Begin(BytesAsTokens(prompt), {}).ok());
  EXPECT_EQ(d.draft->Forecast(BytesAsTokens(prompt + "c"), d.chances), 3u);
  EXPECT_EQ(d.Guess(prompt + "c", 3), "def");
  EXPECT_EQ(d.draft->Forecast(BytesAsTokens(prompt + "cdef"), d.chances), 0u);
}

TEST(DraftModelTest, TheChanceFollowsWhatCameTrueAndIsTriedAgainInTime) {
  Drafted d;
  const std::vector<TokenId> history = BytesAsTokens("a");
  ASSERT_TRUE(d.draft->Begin(history, {}).ok());
  const auto chance = [&] {
    d.draft->Forecast(history, d.chances);
    return d.chances[0];
  };
  const float first = chance();
  for (int i = 0; i < 50; ++i) d.draft->Observe(5, false);
  EXPECT_GT(chance(), 0.95f);
  for (int i = 0; i < 50; ++i) d.draft->Observe(0, true);
  const float poor = chance();
  EXPECT_LT(poor, 0.1f);
  for (int i = 0; i < 4000; ++i) chance();
  EXPECT_GT(chance(), 0.9f * first);
}

TEST(DraftModelTest, AHistoryBeyondItsVocabularyEndsItsGuessing) {
  Drafted d;
  std::vector<TokenId> history = BytesAsTokens("ab");
  ASSERT_TRUE(d.draft->Begin(history, {}).ok());
  history.push_back(static_cast<TokenId>(testing::kVocabulary));
  EXPECT_EQ(d.draft->Forecast(history, d.chances), 0u);
  history.push_back('a');
  EXPECT_EQ(d.draft->Forecast(history, d.chances), 0u);
  ASSERT_TRUE(d.draft->Begin(history, {}).ok());
  EXPECT_EQ(d.draft->Forecast(history, d.chances), 0u);
  ASSERT_TRUE(d.draft->Begin(BytesAsTokens("xa"), {}).ok());
  EXPECT_EQ(d.Guess("xab", 2), "cd");
}

TEST(DraftModelTest, ReadingALongPromptCanBeInterrupted) {
  Drafted d;
  int asked = 0;
  const Status begun =
      d.draft->Begin(BytesAsTokens(std::string(40, 'a')), [&] { return ++asked < 3; });
  EXPECT_EQ(begun.code(), ErrorCode::kCancelled);
  ASSERT_TRUE(d.draft->Begin(BytesAsTokens(std::string(40, 'a')), {}).ok());
  EXPECT_EQ(d.Guess(std::string(40, 'a') + "b", 2), "cd");
}

// The message of the refusal.
std::string Refusal(TestModel& draft, const TestModel& target) {
  const auto forward = draft.NewForward(8, 64);
  const auto refused = DraftModel::Create(
      *forward, *target.model,
      {.kv_type = KvType::kF16, .context = 64, .longest = 4, .sampler = Greedy()});
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kInvalidArgument);
  const std::string message = refused.status().message();
  EXPECT_NE(message.find(draft.path() + " cannot guess for " + target.path()), std::string::npos)
      << message;
  return message;
}

TEST(DraftModelTest, OtherVocabulariesAreRefusedAndNamed) {
  TestModel model({});
  testing::TestModelOptions options;
  options.tokenizer = false;
  TestModel none(options);
  std::string message = Refusal(none, model);
  EXPECT_NE(message.find("has 0 tokens, the other 258"), std::string::npos) << message;
  options.tokenizer = true;
  options.swap_a_and_b = true;
  TestModel swapped(options);
  message = Refusal(swapped, model);
  EXPECT_NE(message.find("token 97 is 'b' there and 'a' here"), std::string::npos) << message;
}

}  // namespace
}  // namespace altteul::engine
