// SPDX-License-Identifier: Apache-2.0

// Steps, copies and allocations that fail half way: what was there before is there behind it, and
// a second attempt gives the bits of one that never failed.

#include <gtest/gtest.h>

#include <list>
#include <string>
#include <vector>

#include "compute/fenced_compute.h"
#include "engine/scheduler.h"
#include "engine/test_model.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using compute::FencedCompute;
using engine::Forward;
using engine::KvCache;
using engine::PagePool;
using engine::SequenceInput;
using kernels::KvType;
using text::TokenId;

constexpr size_t kContext = 192, kRows = 96;

class FencedFailuresTest : public ::testing::Test {
 protected:
  FencedFailuresTest() {
    const std::string path = folder_.Path("model.gguf");
    EXPECT_TRUE(engine::testing::WriteTestModel(path, {.layers = 2}).ok());
    model_ = std::move(model::LoadModel(path, {}, compute_, {})).value();
    forward_ = std::move(Forward::Create(*model_, compute_, kRows, kContext)).value();
  }

  KvCache NewCache(PagePool& pool) {
    return std::move(KvCache::CreateIn(pool, model_->config, KvType::kF16, kContext, kRows))
        .value();
  }
  Status Run(KvCache& cache, std::span<const TokenId> tokens) {
    const SequenceInput input{.cache = &cache, .tokens = tokens};
    return forward_->Run({&input, 1});
  }
  /// Behind the last of `n` rows of the last pass.
  std::vector<float> Logits(size_t n) {
    std::vector<float> logits(model_->config.vocabulary);
    const Status status = forward_->Logits(n - 1, 1, logits);
    EXPECT_TRUE(status.ok()) << status.message();
    return logits;
  }
  /// What a sequence that never met a failure gives behind its last token.
  std::vector<float> LogitsBehind(std::span<const TokenId> tokens) {
    PagePool pool(compute_);
    KvCache cache = NewCache(pool);
    for (; !tokens.empty(); tokens = tokens.subspan(std::min(kRows, tokens.size()))) {
      EXPECT_TRUE(Run(cache, tokens.first(std::min(kRows, tokens.size()))).ok());
      if (tokens.size() <= kRows) return Logits(tokens.size());
    }
    return {};
  }

  engine::testing::TestFolder folder_;
  SteadyClock clock_;
  ThreadTeam team_{1};
  FencedCompute compute_{team_};
  std::unique_ptr<const model::Model> model_;
  std::unique_ptr<Forward> forward_;
  const std::vector<TokenId> tokens_ = RandomTokens(100, engine::testing::kVocabulary, 5);
};

TEST_F(FencedFailuresTest, WhicheverStepFailsTheCachesHoldWhatTheyHeld) {
  const std::vector<float> expected = LogitsBehind(tokens_);
  const auto first = std::span(tokens_).first(70), rest = std::span(tokens_).subspan(70);
  PagePool pool(compute_);
  KvCache cache = NewCache(pool);
  ASSERT_TRUE(Run(cache, first).ok());
  const size_t n_steps = compute_.n_steps_of_last_tape();
  ASSERT_GT(n_steps, 20u);
  for (size_t step = 0; step <= n_steps; ++step) {
    compute_.FailStep(1, step);
    const Status status = Run(cache, rest);
    EXPECT_EQ(status.message(), "step " + std::to_string(step) +
                                    " of a tape failed, as it was "
                                    "told to");
    ASSERT_EQ(cache.length(), first.size()) << step;
  }
  ASSERT_TRUE(Run(cache, rest).ok());
  EXPECT_EQ(Logits(rest.size()), expected);
}

TEST_F(FencedFailuresTest, APageThatCouldNotBeCopiedIsStillShared) {
  // Both write into the page that holds positions 64 to 69.
  const auto common = std::span(tokens_).first(70), rest = std::span(tokens_).subspan(70);
  std::vector<TokenId> other(common.begin(), common.end());
  other.insert(other.end(), {7, 8, 9});
  const std::vector<float> expected = LogitsBehind(tokens_), expected_other = LogitsBehind(other);
  PagePool pool(compute_);
  KvCache first = NewCache(pool), second = NewCache(pool);
  ASSERT_TRUE(Run(first, common).ok());
  ASSERT_TRUE(second.ShareFrom(first, common.size()));
  const uint64_t used = pool.used_bytes();
  compute_.FailCopy(1);
  Status status = Run(second, rest);
  EXPECT_NE(status.message().find("a copy of"), std::string::npos) << status.message();
  EXPECT_EQ(second.length(), common.size());
  EXPECT_EQ(pool.used_bytes(), used) << "the copy is given back";
  // A step behind a copy that went well: the same.
  compute_.FailStep(1, 5);
  EXPECT_FALSE(Run(second, rest).ok());
  EXPECT_EQ(pool.used_bytes(), used);
  ASSERT_TRUE(Run(second, rest).ok());
  EXPECT_EQ(Logits(rest.size()), expected);
  ASSERT_TRUE(Run(first, std::span(other).subspan(70)).ok());
  EXPECT_EQ(Logits(3), expected_other) << "what the first one holds was never touched";
}

TEST_F(FencedFailuresTest, TwoThatShareAndFailTogetherBothGoOn) {
  const auto common = std::span(tokens_).first(70), rest = std::span(tokens_).subspan(70);
  const std::vector<float> expected = LogitsBehind(tokens_);
  PagePool pool(compute_);
  KvCache first = NewCache(pool), second = NewCache(pool);
  ASSERT_TRUE(Run(first, common).ok());
  ASSERT_TRUE(second.ShareFrom(first, common.size()));
  const SequenceInput inputs[] = {{.cache = &first, .tokens = rest},
                                  {.cache = &second, .tokens = rest}};
  for (const size_t copy : {1, 2}) {
    compute_.FailCopy(copy);
    EXPECT_FALSE(forward_->Run(inputs).ok()) << copy;
    EXPECT_EQ(first.length() + second.length(), 2 * common.size());
  }
  ASSERT_TRUE(forward_->Run(inputs).ok());
  EXPECT_EQ(Logits(rest.size()), expected);
  EXPECT_EQ(Logits(2 * rest.size()), expected);
}

TEST_F(FencedFailuresTest, MemoryThatIsRefusedChangesNothing) {
  const auto first = std::span(tokens_).first(60), rest = std::span(tokens_).subspan(60);
  const std::vector<float> expected = LogitsBehind(tokens_);
  PagePool pool(compute_);
  KvCache cache = NewCache(pool), other = NewCache(pool);
  ASSERT_TRUE(Run(cache, first).ok());
  const uint64_t used = pool.used_bytes();
  // The first of two has its page already when the second is refused.
  const SequenceInput inputs[] = {{.cache = &cache, .tokens = rest},
                                  {.cache = &other, .tokens = first.first(2)}};
  for (const size_t allocation : {1, 2}) {
    compute_.FailAllocate(allocation);
    const Status status = forward_->Run(inputs);
    EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(status.message().find("KV pages"), std::string::npos) << status.message();
    EXPECT_EQ(cache.length(), first.size());
    EXPECT_EQ(other.length(), 0u);
    EXPECT_EQ(pool.used_bytes(), used);
  }
  ASSERT_TRUE(forward_->Run(inputs).ok());
  EXPECT_EQ(Logits(rest.size()), expected);
}

TEST_F(FencedFailuresTest, WhatCannotBeSetUpIsRefused) {
  compute_.FailAllocate(1);
  EXPECT_EQ(Forward::Create(*model_, compute_, kRows, kContext).status().code(),
            ErrorCode::kOutOfMemory);
  compute_.FailAllocate(1);
  EXPECT_EQ(
      KvCache::Create(compute_, model_->config, KvType::kF16, kContext, kRows).status().code(),
      ErrorCode::kOutOfMemory);
}

// --- through the scheduler -----------------------------------------------------------------------

class FencedSchedulerTest : public FencedFailuresTest {
 protected:
  struct Talk {
    engine::Sampler sampler;
    engine::Sequence sequence;
  };
  Talk& Begin(std::string_view prompt, size_t max_tokens) {
    const size_t vocabulary = model_->config.vocabulary;
    talks_.push_back({std::move(engine::Sampler::Create({}, vocabulary)).value(),
                      engine::Sequence(*model_, clock_, NewCache(pool_))});
    Answer(talks_.back(), prompt, max_tokens);
    scheduler_.Add(talks_.back().sequence);
    return talks_.back();
  }
  static void Answer(Talk& talk, std::string_view prompt, size_t max_tokens) {
    engine::GenerateOptions options;
    options.max_tokens = max_tokens;
    options.ignore_end = true;
    EXPECT_TRUE(talk.sequence.SetPrompt(engine::testing::BytesAsTokens(prompt)).ok());
    EXPECT_TRUE(talk.sequence.BeginAnswer(options, talk.sampler, {}).ok());
  }
  void Go() {
    while (scheduler_.Step()) continue;
  }

  PagePool pool_{compute_};
  engine::Scheduler scheduler_{*forward_, clock_};
  std::list<Talk> talks_;
};

TEST_F(FencedSchedulerTest, APassThatFailsEndsItsSequencesAndNoOthers) {
  Talk& alone = Begin("the second", 9);
  Go();
  const auto expected = alone.sequence.TakeResult().ids;

  Talk& failing = Begin("the first", 9);
  ASSERT_TRUE(scheduler_.Step());
  const size_t length = failing.sequence.cache().length();
  compute_.FailStep(1, 7);
  ASSERT_TRUE(scheduler_.Step());
  EXPECT_FALSE(failing.sequence.wants_rows());
  EXPECT_EQ(failing.sequence.status().message(), "step 7 of a tape failed, as it was told to");
  EXPECT_EQ(failing.sequence.cache().length(), length);

  Talk& other = Begin("the second", 9);
  Go();
  EXPECT_TRUE(other.sequence.status().ok()) << other.sequence.status().message();
  EXPECT_EQ(other.sequence.TakeResult().ids, expected);
}

TEST_F(FencedSchedulerTest, WhoFailedMayTryAgain) {
  Talk& alone = Begin("again and again", 9);
  Go();
  const auto expected = alone.sequence.TakeResult().ids;
  // The pass, then the head behind it: tapes come in pairs.
  for (const size_t tape : {1, 2, 5, 6}) {
    Talk& talk = Begin("again and again", 9);
    compute_.FailStep(tape, 0);
    Go();
    EXPECT_EQ(talk.sequence.status().message(), "step 0 of a tape failed, as it was told to");
    EXPECT_LT(talk.sequence.cache().length(), talk.sequence.history().size())
        << "a token that waits for its logits is not computed";
    Answer(talk, "again and again", 9);
    Go();
    EXPECT_TRUE(talk.sequence.status().ok()) << tape << ": " << talk.sequence.status().message();
    EXPECT_EQ(talk.sequence.TakeResult().ids, expected) << tape;
  }
}

TEST_F(FencedSchedulerTest, ACopyThatFailsEndsWhoNeededIt) {
  const std::string common(70, 'c');
  Talk& first = Begin(common + "one", 4);
  Go();
  Talk& alone = Begin(common + "two", 4);
  Go();
  const auto expected = alone.sequence.TakeResult().ids;
  Talk& second = Begin(common + "two", 4);
  ASSERT_EQ(second.sequence.ShareBeginning(first.sequence), common.size());
  compute_.FailCopy(1);
  Go();
  EXPECT_NE(second.sequence.status().message().find("a copy of"), std::string::npos);
  Answer(second, common + "two", 4);
  Go();
  EXPECT_EQ(second.sequence.TakeResult().ids, expected);
}

TEST_F(FencedSchedulerTest, WhoFindsNoMemoryIsRefused) {
  Talk& first = Begin("first", 9);
  ASSERT_TRUE(scheduler_.Step());
  Talk& second = Begin("second", 9);
  compute_.FailAllocate(1);
  Go();
  // It waited while the first one answered, then found what it needed.
  EXPECT_TRUE(first.sequence.status().ok()) << first.sequence.status().message();
  EXPECT_TRUE(second.sequence.status().ok()) << second.sequence.status().message();
  Talk& third = Begin("third", 9);
  compute_.FailAllocate(1);
  Go();
  EXPECT_EQ(third.sequence.status().code(), ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace altteul::tests
