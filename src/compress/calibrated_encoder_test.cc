#include "compress/calibrated_encoder.h"

#include <gtest/gtest.h>

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
                                const ProgressSink& progress = {}) {
    ThreadTeam team(threads);
    const auto* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();
    const TypeChoice choose = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<DType>(matrix ? DType::kQ4_0 : tensor.type);
    };
    CalibrationOptions options;
    options.context = kContext;
    options.asymmetric = asymmetric;
    return EncodeCalibrated(*model_.model, choose, Text(n_tokens), options, *kernels, team,
                            progress);
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
    EXPECT_EQ(found->second.type, DType::kQ4_0);
    EXPECT_EQ(found->second.bytes.size(),
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
    EXPECT_EQ(tensor.second.bytes, found->second.bytes) << tensor.first;
  }
}

TEST_F(CalibratedEncoderTest, LaterLayersMakeUpForEarlierOnes) {
  const auto made_up = Encode(4 * kContext, 2, true), alone = Encode(4 * kContext, 2, false);
  ASSERT_TRUE(made_up.ok() && alone.ok());
  const std::string last =
      "blk." + std::to_string(model_.model->config.n_layers - 1) + ".ffn_down.weight";
  EXPECT_NE(made_up.value().at(last).bytes, alone.value().at(last).bytes);
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
