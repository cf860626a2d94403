// SPDX-License-Identifier: Apache-2.0

#include "eval/tasks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "engine/kv_cache.h"
#include "engine/test_model.h"
#include "text/byte_alphabet.h"

namespace altteul::eval {
namespace {

using engine::Forward;
using engine::KvCache;
using engine::testing::BytesAsTokens;
using engine::testing::kBos;
using engine::testing::kVocabulary;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;
using kernels::KvType;
using text::TokenId;

std::vector<Question> Questions(const std::string& lines) {
  auto questions = ParseTaskFile(lines, "test");
  EXPECT_TRUE(questions.ok()) << questions.status().message();
  return std::move(questions).value();
}

const std::string kTwoQuestions =
    R"({"prompt": "one two three", "choices": ["four", "x", "a longer ending than these"], "answer": 0})"
    "\n"
    R"({"prompt": "one two buckle", "choices": ["my shoe", "your"], "answer": 0})";

TaskOptions Options(size_t context) {
  TaskOptions options;
  options.context = context;
  options.max_answer_tokens = 16;
  options.kv_type = KvType::kF32;
  return options;
}

Result<std::vector<TaskAnswer>> AskWith(TestModel& model, Forward& forward, ThreadTeam& team,
                                        const std::vector<Question>& questions, size_t context,
                                        const ProgressSink& progress = {}) {
  auto tasks = EncodeTasks(*model.model->tokenizer, questions, 16);
  if (!tasks.ok()) return tasks.status();
  return AskModel(forward, model.clock, team, questions, tasks.value(), Options(context), progress);
}

std::vector<TaskAnswer> Ask(TestModel& model, const std::vector<Question>& questions,
                            size_t max_rows = 64, size_t context = 128) {
  const auto forward = model.NewForward(max_rows, context);
  auto answers = AskWith(model, *forward, model.team, questions, context);
  EXPECT_TRUE(answers.ok()) << answers.status().message();
  return std::move(answers).value();
}

// ln p(text | prompt) from one pass over everything, each row's softmax in double.
double ScoreByHand(TestModel& model, const std::string& prompt, const std::string& ending,
                   bool bos = false) {
  std::vector<TokenId> ids = BytesAsTokens(prompt + ending);
  size_t first = prompt.size();
  if (bos) {
    ids.insert(ids.begin(), kBos);
    ++first;
  }
  const auto forward = model.NewForward(ids.size(), ids.size());
  auto cache =
      KvCache::Create(model.compute, model.model->config, KvType::kF32, ids.size(), ids.size());
  EXPECT_TRUE(cache.ok());
  const engine::SequenceInput input{.cache = &cache.value(), .tokens = ids};
  EXPECT_TRUE(forward->Run({&input, 1}).ok());
  double score = 0;
  std::vector<float> logits(kVocabulary);
  for (size_t i = first; i < ids.size(); ++i) {
    EXPECT_TRUE(forward->Logits(i - 1, 1, logits).ok());
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    score += static_cast<double>(logits[static_cast<size_t>(ids[i])]) - std::log(sum);
  }
  return score;
}

TEST(TasksTest, AScoreIsTheSumOverTheTokensOfTheChoice) {
  for (const bool bos : {false, true}) {
    TestModelOptions options;
    options.add_bos = bos;
    TestModel model(options);
    const auto questions = Questions(kTwoQuestions);
    const auto answers = Ask(model, questions);
    ASSERT_EQ(answers.size(), 2u);
    for (size_t q = 0; q < 2; ++q) {
      for (size_t i = 0; i < questions[q].choices.size(); ++i) {
        const double truth =
            ScoreByHand(model, questions[q].Prompt(), questions[q].Continuation(i), bos);
        // f32 exponentials: below 2^-18 of each row's sum (distribution_test.cc).
        const double limit = static_cast<double>(questions[q].Continuation(i).size()) / (1 << 18);
        EXPECT_NEAR(answers[q].log_probabilities[i], truth, limit) << q << ", choice " << i;
      }
    }
  }
}

TEST(TasksTest, TheBestSumAndTheBestByteAreChosen) {
  TestModel model(TestModelOptions{});
  const auto questions = Questions(kTwoQuestions);
  const auto answers = Ask(model, questions);
  for (size_t q = 0; q < questions.size(); ++q) {
    const std::vector<double>& sums = answers[q].log_probabilities;
    const auto per_byte = [&](size_t i) {
      return sums[i] / static_cast<double>(questions[q].choices[i].size());
    };
    for (size_t i = 0; i < sums.size(); ++i) {
      EXPECT_GE(sums[*answers[q].choice], sums[i]);
      EXPECT_GE(per_byte(*answers[q].choice_per_byte), per_byte(i));
    }
  }
  EXPECT_EQ(answers[0].choice, 1u) << "a random model prefers what is short";
  EXPECT_EQ(answers[0].choice_per_byte.has_value(), true);
}

TEST(TasksTest, AModelThatKnowsTheTextChoosesIt) {
  TestModelOptions options;
  options.script = BytesAsTokens("abcdefgh\n");
  TestModel model(options);
  const auto questions = Questions(
      R"({"prompt": "abc", "choices": ["dhg", "def", "edc"], "answer": 1, "delimiter": ""})"
      "\n"
      R"({"prompt": "abc", "answer": "defgh"})"
      "\n"
      R"({"prompt": "h", "answer": ["x", "y"]})");
  const auto answers = Ask(model, questions);
  EXPECT_EQ(answers[0].choice, 1u);
  EXPECT_EQ(answers[0].choice_per_byte, 1u);
  EXPECT_NEAR(answers[0].log_probabilities[1], 0, 1e-6) << "certain";
  EXPECT_EQ(answers[1].text, "defgh") << "up to the line's end";
  EXPECT_TRUE(IsRight(Measure::kExact, questions[1], answers[1]));
  EXPECT_EQ(answers[2].text, "");
  EXPECT_FALSE(IsRight(Measure::kExact, questions[2], answers[2]));
}

TEST(TasksTest, AnAnswerInWordsEndsAtItsLongest) {
  TestModelOptions options;
  options.script = BytesAsTokens("abcdefghijklmnopqrstuvwxyz");
  options.script_repeats = true;
  TestModel model(options);
  EXPECT_EQ(Ask(model, Questions(R"({"prompt": "a", "answer": "x"})"))[0].text, "bcdefghijklmnopq");
}

// Same tokens, same bits: not a matter of threads, of how a pass is cut, or of what came before.
TEST(TasksTest, ThreadsCutsAndNeighboursDoNotChangeAScore) {
  for (const uint32_t window : {0u, 8u}) {
    TestModelOptions options;
    options.window = window;
    TestModel model(options);
    const auto questions = Questions(kTwoQuestions);
    const auto expected = Ask(model, questions);
    for (const size_t max_rows : {1, 3, 64}) {
      for (const int threads : {1, 2, 3}) {
        ThreadTeam team(threads);
        compute::CpuCompute compute(*model.kernels, team);
        const auto forward =
            std::move(Forward::Create(*model.model, compute, max_rows, 128)).value();
        const auto answers = AskWith(model, *forward, team, questions, 128);
        ASSERT_TRUE(answers.ok()) << answers.status().message();
        for (size_t q = 0; q < questions.size(); ++q) {
          EXPECT_EQ(answers.value()[q].log_probabilities, expected[q].log_probabilities)
              << threads << " threads, " << max_rows << " rows, window " << window;
        }
      }
    }
    const auto alone = Ask(model, {questions[1]});
    EXPECT_EQ(alone[0].log_probabilities, expected[1].log_probabilities);
  }
}

TEST(TasksTest, WordsBetweenChoicesDisturbNothing) {
  TestModel model(TestModelOptions{});
  const auto questions = Questions(kTwoQuestions);
  const auto word = Questions(R"({"prompt": "one two three", "answer": "x"})");
  const auto expected = Ask(model, questions);
  const auto mixed = Ask(model, {questions[0], word[0], questions[1], word[0]});
  EXPECT_EQ(mixed[0].log_probabilities, expected[0].log_probabilities);
  EXPECT_EQ(mixed[2].log_probabilities, expected[1].log_probabilities);
  EXPECT_EQ(mixed[1].text, mixed[3].text);
}

TEST(TasksTest, TooSmallAContextNamesLineAndNumbers) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(16, 16);
  const auto questions = Questions(
      "{\"prompt\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 0}\n"
      "{\"prompt\": \"0123456789\", \"choices\": [\"012345\", \"c\"], \"answer\": 0}");
  const auto answers = AskWith(model, *forward, model.team, questions, 16);
  ASSERT_FALSE(answers.ok());
  EXPECT_EQ(answers.status().code(), ErrorCode::kDoesNotFit);
  EXPECT_EQ(answers.status().message(),
            "the question in line 2 takes 17 tokens, the context holds 16");
  EXPECT_TRUE(AskWith(model, *forward, model.team, {questions[0]}, 16).ok());
}

TEST(TasksTest, TheLongestQuestionFitsExactly) {
  TestModel model(TestModelOptions{});
  const auto questions = Questions(
      "{\"prompt\": \"0123456789\", \"choices\": [\"012345\", \"c\"], \"answer\": 0}\n"
      "{\"prompt\": \"a\", \"answer\": \"b\"}");
  EXPECT_EQ(Ask(model, questions, 17, 17).size(), 2u) << "1 + 16 tokens, and 10 + 1 + 6";
}

TEST(TasksTest, ProgressMayEndTheWork) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(64, 128);
  const auto answers = AskWith(model, *forward, model.team, Questions(kTwoQuestions), 128,
                               [](uint64_t done, uint64_t) { return done < 1; });
  ASSERT_FALSE(answers.ok());
  EXPECT_EQ(answers.status().code(), ErrorCode::kCancelled);
}

// A tokenizer that joins what prompt and choice only touch with.
std::unique_ptr<const text::Tokenizer> Joining(bool bos) {
  text::TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.emplace_back(text::ByteLetter(static_cast<uint8_t>(byte)));
  }
  spec.tokens.emplace_back("ab");
  spec.tokens.emplace_back("<bos>");
  spec.kinds.assign(257, text::TokenKind::kNormal);
  spec.kinds.push_back(text::TokenKind::kControl);
  spec.merges = {"a b"};
  spec.pre_tokenizer = "gpt-2";
  if (bos) spec.bos = 257;
  auto tokenizer = text::MakeTokenizer(std::move(spec));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(tokenizer).value();
}

TEST(EncodeTasksTest, WhatAllChoicesShareIsThePrefix) {
  const auto questions =
      Questions(R"({"prompt": "xa", "choices": ["b", "c"], "answer": 0, "delimiter": ""})");
  const auto tasks = EncodeTasks(*Joining(false), questions, 8);
  ASSERT_TRUE(tasks.ok()) << tasks.status().message();
  const EncodedQuestion& encoded = tasks.value().questions[0];
  EXPECT_EQ(encoded.prefix, (std::vector<TokenId>{'x'}));
  EXPECT_EQ(encoded.endings[0], (std::vector<TokenId>{256}));
  EXPECT_EQ(encoded.endings[1], (std::vector<TokenId>{'a', 'c'}));
  EXPECT_EQ(tasks.value().longest, 3u);
}

TEST(EncodeTasksTest, SomethingStandsBeforeTheFirstScoredToken) {
  const auto questions =
      Questions(R"({"prompt": "a", "choices": ["b", "c"], "answer": 0, "delimiter": ""})");
  const auto tasks = EncodeTasks(*Joining(true), questions, 8);
  ASSERT_TRUE(tasks.ok()) << tasks.status().message();
  EXPECT_EQ(tasks.value().questions[0].prefix, (std::vector<TokenId>{257}));
  const auto refused = EncodeTasks(*Joining(false), questions, 8);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("line 1"), std::string::npos);
}

}  // namespace
}  // namespace altteul::eval
