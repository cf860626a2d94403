// SPDX-License-Identifier: Apache-2.0

#include "compress/answers.h"

#include <gtest/gtest.h>

#include <vector>

#include "compress/activation_stream.h"
#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr size_t kContext = 8, kChunks = 3;

/// Short chunks go through layers and head together, or one after another.
class AnswersTest : public ::testing::Test {
 protected:
  ActivationStream StreamBehindLayers(const model::Model& model, size_t at_once) {
    ActivationStream stream =
        ActivationStream::Create(
            model, {.n_chunks = kChunks, .context = kContext, .at_once = at_once}, compute_)
            .value();
    EXPECT_TRUE(stream.Embed(BytesAsTokens("three short chunks of it")).ok());
    for (size_t layer = 0; layer < model.config.n_layers(); ++layer) {
      EXPECT_TRUE(stream.StepLayer(layer).ok());
    }
    return stream;
  }
  Answers NewAnswers(uint64_t most_bytes = uint64_t{1} << 20) {
    ActivationStream widest = StreamBehindLayers(*original_.model, kChunks);
    return Answers::Create(kChunks, kContext, widest.forward(), most_bytes, [](size_t, size_t) {})
        .value();
  }
  static TestModelOptions Seeded(uint64_t seed) {
    TestModelOptions options;
    options.seed = seed;
    return options;
  }
  /// Of the other model from the original, by the chunk.
  std::vector<double> OneByOne(Answers answers) {
    ActivationStream original = StreamBehindLayers(*original_.model, 1);
    ActivationStream other = StreamBehindLayers(*other_.model, 1);
    std::vector<double> divergences;
    for (size_t i = 0; i < kChunks; ++i) {
      EXPECT_TRUE(answers.Keep(original.forward(), i, original.X(i)).ok());
      divergences.push_back(answers.Divergence(other.forward(), i, other.X(i)).value());
    }
    return divergences;
  }

  ThreadTeam team_{2};
  compute::CpuCompute compute_{*kernels::SelectKernels("", DetectCpuFeatures()).value(), team_};
  TestModel original_{TestModelOptions{}, kernels::Precision::kF32};
  TestModel other_{Seeded(7), kernels::Precision::kF32};
};

TEST_F(AnswersTest, ChunksAtOnceAnswerAsEachAlone) {
  const std::vector<double> alone = OneByOne(NewAnswers());
  EXPECT_GT(alone[0], 0);
  EXPECT_NE(alone[0], alone[1]);
  for (const size_t at_once : {size_t{2}, kChunks}) {  // of three, two and then the one left
    Answers answers = NewAnswers();
    ActivationStream original = StreamBehindLayers(*original_.model, at_once);
    ActivationStream other = StreamBehindLayers(*other_.model, at_once);
    double sum = 0, expected = 0;
    for (size_t first = 0; first < kChunks; first += at_once) {
      const size_t n = std::min(at_once, kChunks - first);
      const auto of = [&](ActivationStream& stream) {
        return std::span<const float>(stream.X(first).data(), n * stream.X(first).size());
      };
      EXPECT_TRUE(answers.Keep(original.forward(), first, of(original)).ok());
      sum += answers.Divergence(other.forward(), first, of(other)).value();
    }
    for (const double each : alone) expected += each;
    EXPECT_NEAR(sum, expected, 1e-9 * expected) << at_once;
  }
}

TEST_F(AnswersTest, LittleMemoryKeepsTheLastTokensOfEveryChunk) {
  constexpr uint64_t kRowBytes = engine::testing::kVocabulary * sizeof(float);
  EXPECT_EQ(NewAnswers().tokens_per_chunk(), kContext * 3 / 4);
  EXPECT_EQ(NewAnswers(2 * kChunks * kRowBytes).tokens_per_chunk(), 2u);
  const std::vector<double> two = OneByOne(NewAnswers(2 * kChunks * kRowBytes));
  Answers answers = NewAnswers(2 * kChunks * kRowBytes);
  ActivationStream original = StreamBehindLayers(*original_.model, kChunks);
  ActivationStream other = StreamBehindLayers(*other_.model, kChunks);
  EXPECT_TRUE(answers.Keep(original.forward(), 0, original.All()).ok());
  EXPECT_NEAR(answers.Divergence(other.forward(), 0, other.All()).value(), two[0] + two[1] + two[2],
              1e-9 * (two[0] + two[1] + two[2]));
  const std::vector<double> one = OneByOne(NewAnswers(kChunks * kRowBytes));
  EXPECT_LT(one[0], two[0]) << "the last token alone is one of the last two";
}

}  // namespace
}  // namespace altteul::compress
