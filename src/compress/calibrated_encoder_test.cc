// SPDX-License-Identifier: Apache-2.0

#include "compress/calibrated_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "compress/recode.h"
#include "engine/kv_cache.h"
#include "engine/test_model.h"
#include "eval/evaluate.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr size_t kContext = 32;

class CalibratedEncoderTest : public ::testing::Test {
 protected:
  Result<EncodedTensors> Encode(size_t n_tokens, int threads = 2, bool asymmetric = true,
                                const ProgressSink& progress = {},
                                InputSquares* squares = nullptr) {
    ThreadTeam team(threads);
    compute::CpuCompute compute(*model_.kernels, team);
    const TypeChoice choose = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<DType>(matrix ? DType::kQ4_0 : tensor.type);
    };
    CalibrationOptions options;
    options.context = kContext;
    options.asymmetric = asymmetric;
    return EncodeCalibrated(*model_.model, choose, Text(n_tokens), options, compute,
                            {.progress = progress}, squares);
  }
  static std::vector<text::TokenId> Text(size_t n_tokens) {
    std::string text;
    for (size_t i = 0; i < n_tokens; ++i) text += static_cast<char>('a' + i * i % 23);
    return BytesAsTokens(text);
  }

  TestModel model_{TestModelOptions{}, kernels::Precision::kF32};
};

TEST_F(CalibratedEncoderTest, EncodesEveryMatrixInItsSize) {
  const auto encoded = Encode(4 * kContext);
  ASSERT_TRUE(encoded.ok()) << encoded.status().message();
  size_t matrices = 0;
  for (const auto& tensor : model_.model->file->tensors()) {
    const bool looked_up = tensor.name == "token_embd.weight" && !model_.model->weights.tied;
    if (tensor.view.shape.n_dims != 2 || looked_up) continue;
    const auto found = encoded.value().find(tensor.name);
    ASSERT_NE(found, encoded.value().end()) << tensor.name;
    EXPECT_EQ(found->second.type(), DType::kQ4_0);
    EXPECT_EQ(found->second.bytes().size(),
              tensor.view.shape.rows() * *RowBytes(DType::kQ4_0, tensor.view.shape.cols()));
    ++matrices;
  }
  EXPECT_EQ(encoded.value().size(), matrices);
}

TEST_F(CalibratedEncoderTest, ThreadsChangeNoByte) {
  const auto one = Encode(3 * kContext, 1), three = Encode(3 * kContext, 3);
  ASSERT_TRUE(one.ok() && three.ok());
  for (const auto& tensor : one.value()) {
    const auto found = three.value().find(tensor.first);
    ASSERT_NE(found, three.value().end()) << tensor.first;
    EXPECT_TRUE(std::ranges::equal(tensor.second.bytes(), found->second.bytes())) << tensor.first;
  }
}

TEST_F(CalibratedEncoderTest, LaterLayersMakeUpForEarlierOnes) {
  const auto made_up = Encode(4 * kContext, 2, true), alone = Encode(4 * kContext, 2, false);
  ASSERT_TRUE(made_up.ok() && alone.ok());
  const std::string last =
      "blk." + std::to_string(model_.model->config.n_layers() - 1) + ".ffn_down.weight";
  EXPECT_FALSE(
      std::ranges::equal(made_up.value().at(last).bytes(), alone.value().at(last).bytes()));
}

// With heads of 64 the output projection reads 256 columns: one block of a type with a codebook.
TEST_F(CalibratedEncoderTest, TypesWithCodebooksAreEncodedAlikeByAnyThreads) {
  TestModelOptions heads;
  heads.head_dim = 64;
  const TestModel wide(heads, kernels::Precision::kF32);
  const std::string name = "blk.0.attn_output.weight";
  const TensorView& tensor = *wide.model->file->Find(name);
  const auto* original = reinterpret_cast<const float*>(tensor.bytes.data());
  for (const DType type : {DType::kIQ1_S, DType::kIQ3_XXS}) {
    std::map<int, std::vector<std::byte>> bytes;
    for (const int threads : {1, 3}) {
      ThreadTeam team(threads);
      compute::CpuCompute compute(*model_.kernels, team);
      const TypeChoice choose = [&](std::string_view each, const TensorView& view) {
        return Result<DType>(each.find("attn_output") != each.npos ? type : view.type);
      };
      CalibrationOptions options;
      options.context = kContext;
      const auto encoded =
          EncodeCalibrated(*wide.model, choose, Text(4 * kContext), options, compute, {});
      ASSERT_TRUE(encoded.ok()) << encoded.status().message();
      ASSERT_EQ(encoded.value().size(), wide.model->config.n_layers());
      EXPECT_EQ(encoded.value().at(name).type(), type);
      const auto got = encoded.value().at(name).bytes();
      bytes[threads].assign(got.begin(), got.end());
    }
    EXPECT_EQ(bytes[1], bytes[3]) << "threads change no byte";
    ASSERT_EQ(bytes[1].size(), tensor.shape.rows() * *RowBytes(type, tensor.shape.cols()));
    std::vector<float> decoded(tensor.shape.Elements());
    kernels::FindCodec(type)->decode(bytes[1].data(), decoded.size(), decoded.data());
    double miss = 0, size = 0;
    for (size_t i = 0; i < decoded.size(); ++i) {
      miss += std::pow(decoded[i] - original[i], 2);
      size += std::pow(original[i], 2);
    }
    // The error is where the text does not look, so it is larger than a plain encoder's.
    EXPECT_LT(miss, 0.9 * size) << TraitsOf(type).name;
    EXPECT_GT(miss, 0.0);
  }
}

/// Mean KL divergence of the model in `path` from `original`, both in f32 arithmetic.
double DivergenceOf(TestModel& original, const std::string& path,
                    std::span<const text::TokenId> ids) {
  auto changed =
      model::LoadModel(path, {.precision = kernels::Precision::kF32}, original.compute, {});
  EXPECT_TRUE(changed.ok()) << changed.status().message();
  const auto candidate =
      engine::Forward::Create(*changed.value(), original.compute, kContext, kContext).value();
  const auto reference = original.NewForward(kContext, kContext);
  const auto evaluation =
      eval::Evaluate({.candidate = candidate.get(), .reference = reference.get()}, ids,
                     {.context = kContext}, original.team, {});
  EXPECT_TRUE(evaluation.ok()) << evaluation.status().message();
  return evaluation.value().divergence->mean;
}

// What it is all for, on text of the same kind that was not calibrated on.
TEST_F(CalibratedEncoderTest, LessIsLostThanByRoundingEachWeight) {
  const auto encoded = Encode(32 * kContext);
  ASSERT_TRUE(encoded.ok()) << encoded.status().message();
  const auto rules = TypeRules::Create(DType::kQ4_0, {"token_embd=keep", "output.=Q4_0"});
  ASSERT_TRUE(rules.ok());
  const std::string plain = model_.folder.Path("plain.gguf");
  const std::string fitted = model_.folder.Path("fitted.gguf");
  ASSERT_TRUE(Recode(*model_.model->file, rules.value(), {}, plain, model_.team, {}).ok());
  ASSERT_TRUE(
      Recode(*model_.model->file, rules.value(), encoded.value(), fitted, model_.team, {}).ok());
  std::string words;
  for (size_t i = 0; i < 16 * kContext; ++i) words += static_cast<char>('a' + (i * i + 5 * i) % 23);
  const auto judge = BytesAsTokens(words);
  const double lost_plainly = DivergenceOf(model_, plain, judge);
  const double lost = DivergenceOf(model_, fitted, judge);
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, 0.9 * lost_plainly);  // random weights: there is little to make use of
}

// What layers read lies within rounding of what this test computes from the file.
TEST_F(CalibratedEncoderTest, SquaresAreOfWhatTheOriginalsLayersRead) {
  InputSquares squares;
  ASSERT_TRUE(Encode(3 * kContext, 2, true, {}, &squares).ok());
  EXPECT_EQ(squares.tokens, 3 * kContext);
  const model::Checkpoint& file = *model_.model->file;
  const auto values = [&file](const std::string& name) {
    return reinterpret_cast<const float*>(file.Find(name)->bytes.data());
  };
  const size_t n = model_.model->config.hidden;
  std::vector<double> expected(n);
  for (const text::TokenId id : Text(3 * kContext)) {
    const float* x = values("token_embd.weight") + static_cast<size_t>(id) * n;
    double square = 0;
    for (size_t c = 0; c < n; ++c) square += std::pow(static_cast<double>(x[c]), 2);
    for (size_t c = 0; c < n; ++c) {
      const double input = static_cast<double>(x[c]) * values("blk.0.attn_norm.weight")[c];
      expected[c] += input * input / (square / static_cast<double>(n) + 1e-5) / (3 * kContext);
    }
  }
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_v.weight"}) {
    const std::vector<float>& means = squares.means.at(name);
    ASSERT_EQ(means.size(), n) << name;
    for (size_t c = 0; c < n; ++c) ASSERT_NEAR(means[c], expected[c], 1e-5 * expected[c]) << c;
  }
  for (const auto& tensor : file.tensors()) {
    const bool is_read = tensor.view.shape.n_dims == 2 && tensor.name != "token_embd.weight";
    ASSERT_EQ(squares.means.count(tensor.name), is_read ? 1u : 0u) << tensor.name;
    if (!is_read) continue;
    EXPECT_EQ(squares.means.at(tensor.name).size(), tensor.view.shape.cols()) << tensor.name;
  }
}

TEST_F(CalibratedEncoderTest, SquaresDoNotDependOnWhatIsEncoded) {
  InputSquares encoded, stays;
  ASSERT_TRUE(Encode(2 * kContext, 2, true, {}, &encoded).ok());
  const TypeChoice keep = [](std::string_view, const TensorView& tensor) {
    return Result<DType>(tensor.type);
  };
  CalibrationOptions options;
  options.context = kContext;
  ThreadTeam team(1);
  compute::CpuCompute compute(*model_.kernels, team);
  const auto nothing =
      EncodeCalibrated(*model_.model, keep, Text(2 * kContext), options, compute, {}, &stays);
  ASSERT_TRUE(nothing.ok()) << nothing.status().message();
  EXPECT_TRUE(nothing.value().empty());
  EXPECT_EQ(encoded.means, stays.means);
}

TEST_F(CalibratedEncoderTest, ATextShorterThanAChunkIsRefusedWithItsLength) {
  const auto encoded = Encode(kContext - 1);
  ASSERT_FALSE(encoded.ok());
  EXPECT_EQ(encoded.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(encoded.status().message().find(std::to_string(kContext - 1)), std::string::npos)
      << encoded.status().message();
  EXPECT_NE(encoded.status().message().find(std::to_string(kContext)), std::string::npos);
}

TEST_F(CalibratedEncoderTest, CanBeStopped) {
  const auto encoded =
      Encode(2 * kContext, 2, true, [](uint64_t done, uint64_t) { return done < 2; });
  ASSERT_FALSE(encoded.ok());
  EXPECT_EQ(encoded.status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::compress
