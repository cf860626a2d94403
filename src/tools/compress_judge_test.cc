// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "engine/test_model.h"
#include "kernels/attention.h"

namespace altteul::tools {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;
using kernels::KvType;

std::string RandomWords(size_t n_bytes) {
  const RandomStream random(5, "words");
  std::string text;
  for (size_t i = 0; text.size() < n_bytes; ++i) {
    text += i % 7 == 6 ? ' ' : static_cast<char>('a' + random.Bits(i) % 26);
    if (i % 90 == 89) text += ".\n";
  }
  return text;
}

class CompressJudgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TestModelOptions options;
    ASSERT_TRUE(WriteTestModel(folder_.Path("before.gguf"), options).ok());
    options.perturb = 0.05f;
    ASSERT_TRUE(WriteTestModel(folder_.Path("after.gguf"), options).ok());
    options_.context = 64;
    options_.max_chunks = 2;
    options_.kv_chunks = 1;
    options_.sample_tokens = 8;
    options_.speed_rounds = 2;
    options_.prompt.tokens = 16;
    options_.answer.tokens = 4;
    texts_ = {TextOf("first", 1000), TextOf("second", 700)};
  }
  static JudgeText TextOf(const std::string& name, size_t n_bytes) {
    const std::string text = RandomWords(n_bytes);
    return {.name = name, .file = name, .sha256 = {}, .text = text, .ids = BytesAsTokens(text)};
  }
  JudgeRoom Room() { return {.compute = compute_, .clock = clock_, .progress = {}, .log = {}}; }

  TestFolder folder_;
  ThreadTeam team_{2};
  compute::CpuCompute compute_{*kernels::SelectKernels("", DetectCpuFeatures()).value(), team_};
  SteadyClock clock_;
  JudgeOptions options_;
  std::vector<JudgeText> texts_;
};

TEST_F(CompressJudgeTest, EveryTextIsJudgedAndEveryFigureIsThere) {
  const std::string before = folder_.Path("before.gguf"), after = folder_.Path("after.gguf");
  Judgement judgement;
  auto texts = JudgeQuality(before, after, texts_, options_, Room());
  ASSERT_TRUE(texts.ok()) << texts.status().message();
  judgement.texts = std::move(texts).value();
  ASSERT_EQ(judgement.texts.size(), 2u);
  for (const JudgedText& text : judgement.texts) {
    EXPECT_EQ(text.evaluation.chunks, 2u) << text.name;
    EXPECT_GT(text.evaluation.perplexity, 1.0);
    EXPECT_GT(*text.evaluation.perplexity_reference, 1.0);
    EXPECT_GT(text.evaluation.bits_per_byte, 0.0);
    EXPECT_GT(text.evaluation.divergence->mean, 1e-4) << "the change is large enough to see";
  }

  const Status used = JudgeUse(before, after, texts_, options_, Room(), &judgement);
  ASSERT_TRUE(used.ok()) << used.message();
  ASSERT_EQ(judgement.speed.size(), 2u);
  for (const JudgedSpeed& speed : judgement.speed) {
    ASSERT_EQ(speed.before.size(), 2u);
    ASSERT_EQ(speed.after.size(), 2u);
    EXPECT_GT(speed.before[0], 0.0);
    EXPECT_GT(speed.Ratio(), 0.0);
  }
  EXPECT_GT(judgement.weight_bytes_before, 0u);
  EXPECT_EQ(judgement.weight_bytes_after, judgement.weight_bytes_before);
  ASSERT_EQ(judgement.kv.size(), 3u);  // heads of 32: all types suit
  EXPECT_EQ(judgement.kv[0].type, KvType::kF16);
  // 2 layers, 2 heads of 32, keys and values.
  EXPECT_EQ(judgement.kv[0].bytes, uint64_t{2} * 2 * 32 * 2 * kKvContext * 2);
  EXPECT_EQ(judgement.kv[1].bytes, uint64_t{2} * 2 * 32 * 2 * kKvContext * 34 / 32);
  EXPECT_EQ(judgement.kv[2].bytes, uint64_t{2} * 2 * 32 * 2 * kKvContext * 18 / 32);
  EXPECT_LT(judgement.kv[0].divergence.mean, judgement.kv[2].divergence.mean);
  ASSERT_EQ(judgement.samples.size(), 3u);
  for (const JudgedSample& sample : judgement.samples) {
    EXPECT_NE(texts_[0].text.find(sample.prompt), std::string::npos) << sample.prompt;
  }
  EXPECT_NE(judgement.KvAdvice().find("4,096 tokens takes"), std::string::npos);
}

TEST_F(CompressJudgeTest, AModelIsNoLossAgainstItself) {
  const std::string model = folder_.Path("before.gguf");
  const auto texts = JudgeQuality(model, model, texts_, options_, Room());
  ASSERT_TRUE(texts.ok()) << texts.status().message();
  // Only the arithmetic differs: f32 here, the fast one there.
  EXPECT_LT(texts.value()[0].evaluation.divergence->mean, 0.01);
  EXPECT_TRUE(CheckDivergence(texts.value()[0], 0.01, "out").ok());
}

JudgedText WithKl(double kl) {
  JudgedText text{.name = "wiki", .evaluation = {}};
  text.evaluation.divergence = eval::Divergence{};
  text.evaluation.divergence->mean = kl;
  return text;
}

TEST(CheckDivergenceTest, BothNumbersAreTold) {
  EXPECT_TRUE(CheckDivergence(WithKl(0.5), 0, "out.gguf").ok()) << "no limit";
  EXPECT_TRUE(CheckDivergence(WithKl(0.5), 0.5, "out.gguf").ok());
  const Status status = CheckDivergence(WithKl(0.0625), 0.05, "out.gguf");
  EXPECT_EQ(status.code(), ErrorCode::kQualityGate);
  for (const char* part : {"out.gguf", "wiki", "0.062500", "0.050000", "no file"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
  for (const double broken : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(CheckDivergence(WithKl(broken), 1e9, "out").code(), ErrorCode::kQualityGate);
  }
}

Judgement WithKv(double weights, double q8, double q4) {
  Judgement judgement;
  judgement.texts = {WithKl(weights)};
  const auto row = [](KvType type, uint64_t bytes, double kl) {
    JudgedKvType kv{.type = type, .bytes = bytes, .divergence = {}};
    kv.divergence.mean = kl;
    kv.divergence.stderr_ = kl / 10;
    return kv;
  };
  judgement.kv = {row(KvType::kF16, 200'000'000, 1e-6), row(KvType::kQ8_0, 106'250'000, q8),
                  row(KvType::kQ4_0, 56'250'000, q4)};
  return judgement;
}

TEST(KvAdviceTest, TheSmallestThatCostsNextToNothing) {
  EXPECT_EQ(WithKv(0.001, 0.0001, 0.005).AdvisedKvType(), KvType::kQ4_0);
  EXPECT_EQ(WithKv(0.001, 0.0001, 0.02).AdvisedKvType(), KvType::kQ8_0);
  EXPECT_EQ(WithKv(0.5, 0.0001, 0.02).AdvisedKvType(), KvType::kQ4_0) << "a tenth of the weights'";
  EXPECT_EQ(WithKv(0.001, 0.0001, 0.009).AdvisedKvType(), KvType::kQ8_0) << "within its error";
  EXPECT_EQ(WithKv(0.001, 0.02, 0.2).AdvisedKvType(), KvType::kF16);
  const std::string advice = WithKv(0.001, 0.0001, 0.02).KvAdvice();
  for (const char* part : {"-ctk q8_0", "0.00010 +/- 0.00001", "106.2 MB", "200.0 MB", "f16"}) {
    EXPECT_NE(advice.find(part), std::string::npos) << part << " in " << advice;
  }
  EXPECT_NE(WithKv(0.001, 0.02, 0.2).KvAdvice().find("Stay with f16"), std::string::npos);
}

TEST(JudgeTextsTest, NamesAndFilesAreTakenApart) {
  const auto texts = ParseJudgeTexts({"wiki=a/b.txt", "c.txt"}, {});
  ASSERT_TRUE(texts.ok()) << texts.status().message();
  EXPECT_EQ(texts.value()[0].name, "wiki");
  EXPECT_EQ(texts.value()[0].file, "a/b.txt");
  EXPECT_EQ(texts.value()[1].name, "c.txt");
  EXPECT_EQ(texts.value()[1].file, "c.txt");
  for (const auto& wrong :
       std::vector<std::vector<std::string>>{{"=a.txt"}, {"wiki="}, {""}, {"a=x.txt", "a=y.txt"}}) {
    EXPECT_EQ(ParseJudgeTexts(wrong, {}).status().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(JudgeTextsTest, TheCalibrationFileIsRefusedByWhateverName) {
  const TestFolder folder;
  const std::string file = folder.Path("fit.txt"), link = folder.Path("link.txt");
  std::ofstream(file) << "text";
  std::filesystem::create_symlink(file, link);
  std::ofstream(folder.Path("other.txt")) << "text";
  for (const std::string& same : {file, link, folder.Path("./fit.txt")}) {
    const auto texts = ParseJudgeTexts({"a=" + same}, {file});
    EXPECT_EQ(texts.status().code(), ErrorCode::kInvalidArgument) << same;
    EXPECT_NE(texts.status().message().find("calibration text"), std::string::npos);
  }
  EXPECT_TRUE(ParseJudgeTexts({"a=" + folder.Path("other.txt")}, {file}).ok());
  EXPECT_FALSE(ParseJudgeTexts({"a=missing.txt"}, {"missing.txt"}).ok());
}

TEST(JudgeTextsTest, CopiesAndPartsOfTheCalibrationTextAreRefused) {
  engine::testing::TestModel model(TestModelOptions{});
  const text::Tokenizer& tokenizer = *model.model->tokenizer;
  const std::string fitted = RandomWords(500);
  size_t dropped = 0;
  const auto fill = [&](const std::string& content) {
    JudgeText judge{.name = "n", .file = "f.txt", .sha256 = {}, .text = {}, .ids = {}};
    return FillJudgeText(content, {fitted}, tokenizer, 64, &judge, &dropped);
  };
  for (const std::string& content : {fitted, fitted.substr(100, 200), "more " + fitted}) {
    EXPECT_EQ(fill(content).code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(fill(content).message().find("f.txt: shares"), std::string::npos);
  }
  EXPECT_TRUE(fill(std::string(64, 'x')).ok());
  EXPECT_NE(fill(std::string(63, 'x')).message().find("63 tokens"), std::string::npos);

  JudgeText judge{.name = "n", .file = "f.txt", .sha256 = {}, .text = {}, .ids = {}};
  ASSERT_TRUE(FillJudgeText(RandomWords(70), {}, tokenizer, 64, &judge, &dropped).ok());
  EXPECT_EQ(judge.text, RandomWords(70));
  EXPECT_EQ(judge.ids, BytesAsTokens(judge.text));
  EXPECT_EQ(judge.sha256.size(), 64u);
}

TEST(PromptsFromTest, AreBeginningsOfSentencesAndWholeWords) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "Sentence number " + std::to_string(i) + " goes on for some words. ";
    if (i % 5 == 0) text += "\n = Heading = \n";
  }
  const auto prompts = PromptsFrom(text, 3);
  ASSERT_EQ(prompts.size(), 3u);
  for (const std::string& prompt : prompts) {
    EXPECT_EQ(prompt.rfind("Sentence number", 0), 0u) << prompt;
    EXPECT_LE(prompt.size(), 200u);
    EXPECT_GE(prompt.size(), 40u);
    const size_t at = text.find(prompt);
    ASSERT_NE(at, std::string::npos);
    EXPECT_TRUE(text[at + prompt.size()] == ' ' || text[at + prompt.size()] == '\n') << prompt;
  }
  EXPECT_NE(prompts[0], prompts[1]);
}

TEST(PromptsFromTest, TextsWithoutSentencesOrWordsAreCutBetweenCharacters) {
  EXPECT_TRUE(PromptsFrom("", 3).empty());
  EXPECT_TRUE(PromptsFrom("short", 3).empty());
  std::string hangul;
  for (int i = 0; i < 1000; ++i) hangul += "\xea\xb0\x80";  // 가
  for (const std::string& prompt : PromptsFrom(hangul, 3)) {
    EXPECT_EQ(prompt.size() % 3, 0u) << "a character was cut";
  }
  std::string numbers;
  for (int i = 0; i < 1000; ++i) numbers += std::to_string(i) + " ";
  EXPECT_EQ(PromptsFrom(numbers, 3).size(), 3u);
  std::replace(numbers.begin(), numbers.end(), ' ', '\n');
  EXPECT_EQ(PromptsFrom(numbers, 3).size(), 3u) << "lines of a word each";
}

}  // namespace
}  // namespace altteul::tools
