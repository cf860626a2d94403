// SPDX-License-Identifier: Apache-2.0

#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <list>
#include <optional>

#include "engine/session.h"
#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using kernels::KvType;
using testing::BytesAsTokens;
using testing::TestModel;
using testing::TestModelOptions;
using text::TokenId;

constexpr size_t kContext = 96;
constexpr size_t kRows = 8;

// What is asked, with a seed of its own, so that answers differ and end at different times.
struct Question {
  std::string prompt;
  uint64_t seed;
  size_t max_tokens;
};
const Question kQuestions[] = {{"one", 1, 12},
                               {"a prompt that is longer than one pass", 2, 5},
                               {"x", 3, 20},
                               {"another that is longer than a pass", 4, 1},
                               {"and the last", 5, 9}};

class SchedulerTest : public ::testing::Test {
 protected:
  static Sampler SamplerOf(uint64_t seed) {
    SamplerOptions options;
    options.temperature = 1.0f;
    options.seed = seed;
    return std::move(Sampler::Create(options, testing::kVocabulary)).value();
  }
  static GenerateOptions OptionsOf(const Question& question) {
    GenerateOptions options;
    options.max_tokens = question.max_tokens;
    options.ignore_end = true;
    return options;
  }

  Generated Alone(const Question& question) {
    const auto forward = model_.NewForward(kRows, kContext);
    Session session =
        std::move(Session::Create(*forward, model_.clock, KvType::kF16, kContext)).value();
    EXPECT_TRUE(session.SetPrompt(BytesAsTokens(question.prompt)).ok());
    Sampler sampler = SamplerOf(question.seed);
    return std::move(session.Generate(OptionsOf(question), sampler, {})).value();
  }

  KvCache NewCache() {
    return std::move(KvCache::CreateIn(*pool_, model_.model->config, KvType::kF16, kContext, kRows))
        .value();
  }
  uint64_t PageBytes() {
    PagePool pool(model_.compute);
    KvCache cache =
        std::move(KvCache::CreateIn(pool, model_.model->config, KvType::kF16, kContext, kRows))
            .value();
    EXPECT_TRUE(cache.Reserve(1).ok());
    return pool.taken_bytes();
  }

  // Something that answers beside others.
  struct Talk {
    Sampler sampler;
    Sequence sequence;
  };
  Talk& Begin(const Question& question, ShowText show = {}) {
    talks_.push_back({SamplerOf(question.seed), Sequence(*model_.model, model_.clock, NewCache())});
    Talk& talk = talks_.back();
    EXPECT_TRUE(talk.sequence.SetPrompt(BytesAsTokens(question.prompt)).ok());
    EXPECT_TRUE(talk.sequence.BeginAnswer(OptionsOf(question), talk.sampler, std::move(show)).ok());
    scheduler_.Add(talk.sequence);
    return talk;
  }

  TestModel model_{TestModelOptions{}};
  std::unique_ptr<PagePool> pool_ = std::make_unique<PagePool>(model_.compute);
  std::unique_ptr<Forward> forward_ = model_.NewForward(kRows, kContext);
  Scheduler scheduler_{*forward_, model_.clock};
  std::list<Talk> talks_;  // stay where they are
};

TEST_F(SchedulerTest, AnswersInCompanyAreThoseAlone) {
  for (const Question& question : kQuestions) Begin(question);
  while (scheduler_.Step()) continue;
  auto talk = talks_.begin();
  for (const Question& question : kQuestions) {
    const Generated alone = Alone(question);
    const Generated together = (talk++)->sequence.TakeResult();
    EXPECT_EQ(together.ids, alone.ids) << question.prompt;
    EXPECT_EQ(together.text, alone.text) << question.prompt;
    EXPECT_EQ(together.reason, FinishReason::kMaxTokens) << question.prompt;
    EXPECT_EQ(together.prompt_tokens, question.prompt.size()) << question.prompt;
  }
}

TEST_F(SchedulerTest, WhoComesLaterSharesThePassesOfThoseBefore) {
  Begin(kQuestions[2]);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(scheduler_.Step());
  Begin(kQuestions[1]);
  while (scheduler_.Step()) continue;
  EXPECT_EQ(talks_.front().sequence.TakeResult().ids, Alone(kQuestions[2]).ids);
  EXPECT_EQ(talks_.back().sequence.TakeResult().ids, Alone(kQuestions[1]).ids);
  // 20 tokens alone take 20 passes; the second one's 5 passes for reading and 4 for answering are
  // among them.
  EXPECT_EQ(scheduler_.meter().passes, 20u);
}

TEST_F(SchedulerTest, ReadersDoNotStopThoseThatAnswer) {
  Talk& answering = Begin({"x", 1, 50});
  ASSERT_TRUE(scheduler_.Step());
  const size_t before = answering.sequence.history().size();
  Begin({std::string(80, 'y'), 2, 1});
  for (size_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(scheduler_.Step());
    EXPECT_EQ(answering.sequence.history().size(), before + i);
  }
}

TEST_F(SchedulerTest, EveryOneGetsItsTurnWhenThereAreMoreThanRows) {
  constexpr size_t kMany = 2 * kRows + 3;
  for (size_t i = 0; i < kMany; ++i) Begin({"q", 10 + i, 6});
  while (scheduler_.Step()) continue;
  size_t i = 0;
  for (Talk& talk : talks_) {
    EXPECT_EQ(talk.sequence.TakeResult().ids, Alone({"q", 10 + i, 6}).ids) << i;
    ++i;
  }
}

TEST_F(SchedulerTest, TheMeterIsTheSumOfTheShares) {
  for (const Question& question : kQuestions) Begin(question);
  while (scheduler_.Step()) continue;
  double sum = 0;
  size_t rows = 0, logits = 0;
  for (Talk& talk : talks_) {
    const Generated result = talk.sequence.TakeResult();
    sum += result.compute_seconds;
    rows += result.prompt_tokens + result.ids.size() - 1;  // the last token is not computed
    logits += result.ids.size();
  }
  EXPECT_GT(sum, 0);
  EXPECT_NEAR(scheduler_.meter().compute_seconds, sum, 1e-9);
  EXPECT_EQ(scheduler_.meter().rows, rows);
  EXPECT_EQ(scheduler_.meter().logits, logits);
}

TEST_F(SchedulerTest, OneThatIsCancelledLeavesTheOthersAlone) {
  size_t shown = 0;
  Begin(kQuestions[2], [&](std::string_view) { return ++shown < 4; });
  Begin(kQuestions[0]);
  while (scheduler_.Step()) continue;
  EXPECT_EQ(talks_.front().sequence.TakeResult().reason, FinishReason::kCancelled);
  EXPECT_EQ(talks_.back().sequence.TakeResult().ids, Alone(kQuestions[0]).ids);
}

// Fails when it is to guess.
class FailingSpeculator : public Speculator {
 public:
  size_t longest() const override { return 2; }
  Status Begin(std::span<const TokenId>, const std::function<bool()>&) override {
    return Status(ErrorCode::kIoError, "no guess");
  }
  size_t Forecast(std::span<const TokenId>, std::span<float>) override { return 0; }
  Status Propose(std::span<const TokenId>, std::span<TokenId>) override { return Status(); }
  void Observe(size_t, bool) override {}
};

TEST_F(SchedulerTest, OneThatFailsLeavesTheOthersAlone) {
  FailingSpeculator speculator;
  GenerateOptions options = OptionsOf(kQuestions[2]);
  options.speculator = &speculator;
  Talk& failing = Begin(kQuestions[2]);
  ASSERT_TRUE(failing.sequence.BeginAnswer(options, failing.sampler, {}).ok());
  Begin(kQuestions[0]);
  while (scheduler_.Step()) continue;
  EXPECT_EQ(failing.sequence.status().message(), "no guess");
  EXPECT_FALSE(failing.sequence.wants_rows());
  EXPECT_EQ(talks_.back().sequence.TakeResult().ids, Alone(kQuestions[0]).ids);
}

TEST_F(SchedulerTest, WhoFindsNoPageWaitsForOthers) {
  pool_ = std::make_unique<PagePool>(model_.compute, PageBytes());
  Talk& first = Begin(kQuestions[2]);
  Talk& second = Begin(kQuestions[0]);
  while (first.sequence.wants_rows()) {
    ASSERT_TRUE(scheduler_.Step());
    ASSERT_EQ(second.sequence.cache().length(), 0u);
  }
  ASSERT_TRUE(first.sequence.cache().TruncateTo(0));  // gives its page back
  while (scheduler_.Step()) continue;
  EXPECT_TRUE(second.sequence.status().ok()) << second.sequence.status().message();
  EXPECT_EQ(second.sequence.TakeResult().ids, Alone(kQuestions[0]).ids);
}

TEST_F(SchedulerTest, WhoFindsNoPageAloneIsRefusedWithNumbers) {
  pool_ = std::make_unique<PagePool>(model_.compute, PageBytes());
  Talk& talk = Begin({std::string(70, 'y'), 1, 5});  // two pages
  while (scheduler_.Step()) continue;
  const Status status = talk.sequence.status();
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(status.message().find_first_of("0123456789"), std::string::npos) << status.message();
  EXPECT_EQ(talk.sequence.cache().length(), 64u) << "what it had is left as it was";
}

TEST_F(SchedulerTest, ABeginningInCommonIsComputedOnce) {
  const std::string common(70, 'c');
  Talk& first = Begin({common + "one", 1, 4});
  while (scheduler_.Step()) continue;
  const size_t rows = scheduler_.meter().rows;
  const Question question{common + "two", 2, 4};
  Talk& second = Begin(question);
  EXPECT_EQ(second.sequence.ShareBeginning(first.sequence), common.size());
  while (scheduler_.Step()) continue;
  EXPECT_EQ(scheduler_.meter().rows - rows, 3u + 3u);  // "two", and three of the four tokens
  const Generated result = second.sequence.TakeResult();
  EXPECT_EQ(result.ids, Alone(question).ids);
  // What both refer to is still the first one's too.
  ASSERT_TRUE(first.sequence.SetPrompt(BytesAsTokens(common + "one")).ok());
  ASSERT_TRUE(first.sequence.BeginAnswer(OptionsOf({"", 1, 4}), first.sampler, {}).ok());
  while (scheduler_.Step()) continue;
  EXPECT_EQ(first.sequence.TakeResult().prompt_tokens, 1u);
}

TEST_F(SchedulerTest, WhatIsRemovedIsNotComputed) {
  Talk& first = Begin(kQuestions[0]);
  Begin(kQuestions[2]);
  scheduler_.Remove(first.sequence);
  while (scheduler_.Step()) continue;
  EXPECT_TRUE(first.sequence.wants_rows());
  EXPECT_EQ(first.sequence.cache().length(), 0u);
  EXPECT_EQ(talks_.back().sequence.TakeResult().ids, Alone(kQuestions[2]).ids);
}

TEST_F(SchedulerTest, AnAnswerMayFollowAnAnswer) {
  Talk& talk = Begin(kQuestions[0]);
  while (scheduler_.Step()) continue;
  const Generated first = talk.sequence.TakeResult();
  // Nothing was set anew: it goes on behind its own last token.
  ASSERT_TRUE(talk.sequence.BeginAnswer(OptionsOf(kQuestions[0]), talk.sampler, {}).ok());
  while (scheduler_.Step()) continue;
  const Generated second = talk.sequence.TakeResult();
  EXPECT_EQ(second.prompt_tokens, 1u);
  EXPECT_EQ(second.ids.size(), 12u);
  Sampler sampler = SamplerOf(kQuestions[0].seed);
  Question whole = kQuestions[0];
  whole.max_tokens = 24;
  std::vector<TokenId> both = first.ids;
  both.insert(both.end(), second.ids.begin(), second.ids.end());
  EXPECT_EQ(both, Alone(whole).ids);
}

}  // namespace
}  // namespace altteul::engine
