// SPDX-License-Identifier: Apache-2.0

#include "eval/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "engine/sampler.h"
#include "engine/test_model.h"

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
using kernels::Precision;
using text::TokenId;

std::vector<TokenId> RandomText(size_t n) {
  const RandomStream random(5, "text");
  std::vector<TokenId> ids(n);
  for (size_t i = 0; i < n; ++i) ids[i] = static_cast<TokenId>(random.Bits(i) % 256);
  return ids;
}

EvaluateOptions Options(size_t context, size_t max_chunks = 0) {
  EvaluateOptions options;
  options.context = context;
  options.max_chunks = max_chunks;
  options.kv_type = KvType::kF32;
  return options;
}

// Negative log-likelihoods by hand: one pass a chunk, every row's softmax in double.
std::vector<double> NllByHand(TestModel& model, const std::vector<TokenId>& chunk,
                              std::vector<std::vector<float>>* rows = nullptr) {
  const auto forward = model.NewForward(chunk.size(), chunk.size());
  auto cache =
      KvCache::Create(model.compute, model.model->config, KvType::kF32, chunk.size(), chunk.size());
  EXPECT_TRUE(cache.ok());
  const engine::SequenceInput input{.cache = &cache.value(), .tokens = chunk};
  EXPECT_TRUE(forward->Run({&input, 1}).ok());
  std::vector<double> nll;
  for (size_t row = chunk.size() / 2; row + 1 < chunk.size(); ++row) {
    std::vector<float> logits(kVocabulary);
    EXPECT_TRUE(forward->Logits(row, 1, logits).ok());
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    nll.push_back(std::log(sum) - static_cast<double>(logits[static_cast<size_t>(chunk[row + 1])]));
    if (rows != nullptr) rows->push_back(std::move(logits));
  }
  return nll;
}

std::vector<TokenId> Chunk(const std::vector<TokenId>& ids, size_t number, size_t context) {
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(number * context);
  return {begin, begin + static_cast<std::ptrdiff_t>(context)};
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(EvaluateTest, PerplexityIsThatOfTheSecondHalfOfEachChunk) {
  TestModel model(TestModelOptions{});
  const auto ids = RandomText(3 * 32 + 7);  // the rest of 7 is no chunk
  const auto forward = model.NewForward(32, 32);
  const auto result = Evaluate({.candidate = forward.get()}, ids, Options(32), model.team, {});
  ASSERT_TRUE(result.ok()) << result.status().message();

  std::vector<double> nll;
  for (size_t chunk = 0; chunk < 3; ++chunk) {
    const auto part = NllByHand(model, Chunk(ids, chunk, 32));
    nll.insert(nll.end(), part.begin(), part.end());
  }
  EXPECT_EQ(result.value().chunks, 3u);
  EXPECT_EQ(result.value().scored_tokens, 3u * 15);
  // f32 exponentials: below 2^-18 of each sum (distribution_test.cc).
  EXPECT_NEAR(std::log(result.value().perplexity), Mean(nll), 1.0 / (1 << 18));
  double squares = 0;
  for (const double value : nll) squares += (value - Mean(nll)) * (value - Mean(nll));
  const auto n = static_cast<double>(nll.size());
  const double spread = std::exp(Mean(nll)) * std::sqrt(squares / n / n);
  EXPECT_NEAR(result.value().perplexity_stderr, spread, 1e-4 * spread);
  EXPECT_FALSE(result.value().divergence);
  EXPECT_FALSE(result.value().perplexity_reference);
  // Every token of this vocabulary is a byte.
  EXPECT_NEAR(result.value().bits_per_byte, Mean(nll) / std::log(2.0), 1.0 / (1 << 17));
  EXPECT_FALSE(result.value().bits_per_byte_reference);
}

TEST(EvaluateTest, ControlTokensStandForNoBytes) {
  TestModel model(TestModelOptions{});
  auto ids = RandomText(32);
  const auto forward = model.NewForward(32, 32);
  const auto all = Evaluate({.candidate = forward.get()}, ids, Options(32), model.team, {});
  for (size_t i = 20; i < 25; ++i) ids[i] = kBos;
  const auto some = Evaluate({.candidate = forward.get()}, ids, Options(32), model.team, {});
  ASSERT_TRUE(all.ok() && some.ok());
  const auto bits_per_token = [](const Evaluation& e) { return std::log2(e.perplexity); };
  EXPECT_NEAR(all.value().bits_per_byte, bits_per_token(all.value()), 1e-9);
  EXPECT_NEAR(some.value().bits_per_byte, bits_per_token(some.value()) * 15 / 10, 1e-9);
}

TEST(EvaluateTest, AChunkOf512Scores255Tokens) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(512, 512);
  const auto result =
      Evaluate({.candidate = forward.get()}, RandomText(1024), Options(512, 1), model.team, {});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result.value().chunks, 1u);
  EXPECT_EQ(result.value().scored_tokens, 255u);
}

TEST(EvaluateTest, OddAndSmallestChunksAreCountedAsDefined) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(16, 16);
  for (const size_t context : {4, 5, 15}) {
    const auto result =
        Evaluate({.candidate = forward.get()}, RandomText(30), Options(context), model.team, {});
    ASSERT_TRUE(result.ok()) << result.status().message();
    const size_t chunks = 30 / context;
    EXPECT_EQ(result.value().chunks, chunks);
    EXPECT_EQ(result.value().scored_tokens, chunks * (context - 1 - context / 2)) << context;
  }
}

TEST(EvaluateTest, ARowThatIsCertainHasPerplexityOne) {
  // The text repeats what the model was scripted to say.
  TestModelOptions options;
  options.script = BytesAsTokens("abcd");
  options.script_repeats = true;
  TestModel model(options);
  std::string text;
  for (int i = 0; i < 16; ++i) text += "abcd";
  const auto forward = model.NewForward(64, 64);
  const auto result =
      Evaluate({.candidate = forward.get()}, BytesAsTokens(text), Options(64), model.team, {});
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result.value().perplexity, 1.0, 1e-6);
}

TEST(EvaluateTest, BosReplacesTheFirstTokenOfEachChunk) {
  TestModelOptions options;
  options.add_bos = true;
  TestModel model(options);
  auto ids = RandomText(64);
  const auto forward = model.NewForward(32, 32);
  const auto result = Evaluate({.candidate = forward.get()}, ids, Options(32), model.team, {});
  ASSERT_TRUE(result.ok());
  std::vector<double> nll;
  for (size_t chunk = 0; chunk < 2; ++chunk) {
    auto tokens = Chunk(ids, chunk, 32);
    tokens.front() = kBos;
    const auto part = NllByHand(model, tokens);
    nll.insert(nll.end(), part.begin(), part.end());
  }
  EXPECT_NEAR(std::log(result.value().perplexity), Mean(nll), 1.0 / (1 << 18));
}

TEST(EvaluateTest, AModelIsNoDistanceFromItself) {
  TestModel model(TestModelOptions{}, Precision::kF32);
  const auto a = model.NewForward(32, 32), b = model.NewForward(32, 32),
             c = model.NewForward(32, 32);
  const auto result =
      Evaluate({.candidate = a.get(), .reference = b.get(), .candidate_weights = c.get()},
               RandomText(96), Options(32), model.team, {});
  ASSERT_TRUE(result.ok()) << result.status().message();
  const Evaluation& e = result.value();
  EXPECT_EQ(e.divergence->mean, 0.0);
  EXPECT_EQ(e.divergence->p99, 0.0);
  EXPECT_EQ(e.divergence->max, 0.0);
  EXPECT_EQ(*e.bits_per_byte_reference, e.bits_per_byte);
  EXPECT_EQ(e.divergence->same_top, 1.0);
  EXPECT_EQ(e.divergence_weights->mean, 0.0);
  EXPECT_EQ(*e.perplexity_reference, e.perplexity);
}

TEST(EvaluateTest, DivergenceIsThatOfTheRowsByHand) {
  TestModelOptions changed;
  changed.perturb = 0.05f;
  TestModel reference(TestModelOptions{}, Precision::kF32), candidate(changed, Precision::kF32);
  const auto ids = RandomText(32);
  const auto r = reference.NewForward(32, 32), c = candidate.NewForward(32, 32);
  const auto result =
      Evaluate({.candidate = c.get(), .reference = r.get()}, ids, Options(32), candidate.team, {});
  ASSERT_TRUE(result.ok()) << result.status().message();

  std::vector<std::vector<float>> p, q;
  NllByHand(reference, ids, &p);
  NllByHand(candidate, ids, &q);
  std::vector<double> kl;
  size_t same = 0;
  for (size_t row = 0; row < p.size(); ++row) {
    double sum_p = 0, sum_q = 0, sum = 0;
    for (size_t v = 0; v < kVocabulary; ++v) {
      sum_p += std::exp(static_cast<double>(p[row][v]));
      sum_q += std::exp(static_cast<double>(q[row][v]));
    }
    for (size_t v = 0; v < kVocabulary; ++v) {
      const double ln_p = static_cast<double>(p[row][v]) - std::log(sum_p);
      sum += std::exp(ln_p) * (ln_p - static_cast<double>(q[row][v]) + std::log(sum_q));
    }
    kl.push_back(sum);
    same += engine::ArgMax(p[row]) == engine::ArgMax(q[row]);
  }
  const Divergence& d = *result.value().divergence;
  EXPECT_GT(d.mean, 1e-3) << "the change is large enough to see";
  EXPECT_NEAR(d.mean, Mean(kl), 1e-4 * Mean(kl) + 1e-6);
  EXPECT_DOUBLE_EQ(d.same_top, static_cast<double>(same) / 15);
  std::sort(kl.begin(), kl.end());
  const double limit = 1e-4 * kl[14];
  EXPECT_NEAR(d.p50, kl[7], limit);
  EXPECT_NEAR(d.p90, kl[12] + 0.6 * (kl[13] - kl[12]), limit);   // 0.9 x 14 = 12.6
  EXPECT_NEAR(d.p95, kl[13] + 0.3 * (kl[14] - kl[13]), limit);   // 0.95 x 14 = 13.3
  EXPECT_NEAR(d.p99, kl[13] + 0.86 * (kl[14] - kl[13]), limit);  // 0.99 x 14 = 13.86
  EXPECT_NEAR(d.p999, kl[13] + 0.986 * (kl[14] - kl[13]), limit);
  EXPECT_NEAR(d.max, kl[14], limit);
}

TEST(EvaluateTest, TooShortATextNamesBothNumbers) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(32, 32);
  const auto result =
      Evaluate({.candidate = forward.get()}, RandomText(31), Options(32), model.team, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(result.status().message().find("31 tokens"), std::string::npos);
  EXPECT_NE(result.status().message().find("chunk of 32"), std::string::npos);
}

TEST(EvaluateTest, ChunksBelowFourTokensAreRefused) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(32, 32);
  for (const size_t context : {0, 1, 3}) {
    const auto result =
        Evaluate({.candidate = forward.get()}, RandomText(64), Options(context), model.team, {});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(EvaluateTest, ProgressMayEndTheWork) {
  TestModel model(TestModelOptions{});
  const auto forward = model.NewForward(32, 32);
  const auto result = Evaluate({.candidate = forward.get()}, RandomText(320), Options(32),
                               model.team, [](uint64_t done, uint64_t) { return done < 2; });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), ErrorCode::kCancelled);
}

TEST(EvaluateTest, ThreadsDoNotChangeTheResult) {
  TestModel model(TestModelOptions{});
  const auto ids = RandomText(96);
  const auto forward = model.NewForward(32, 32);
  const auto two = Evaluate({.candidate = forward.get()}, ids, Options(32), model.team, {});
  ThreadTeam alone(1);
  compute::CpuCompute compute(*model.kernels, alone);
  const auto one_forward = std::move(Forward::Create(*model.model, compute, 32, 32)).value();
  const auto one = Evaluate({.candidate = one_forward.get()}, ids, Options(32), alone, {});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one.value().perplexity, two.value().perplexity);
}

}  // namespace
}  // namespace altteul::eval
