// SPDX-License-Identifier: Apache-2.0

#include "compress/column_importance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compress/recode.h"
#include "engine/test_model.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

const std::string kTensor = "blk.1.ffn_down.weight";

class ColumnImportanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteTestModel(folder_.Path("source.gguf"), TestModelOptions{}).ok());
    source_ = std::move(model::Checkpoint::Open(folder_.Path("source.gguf"))).value();
    for (const auto& [name, view] : source_->tensors()) {
      if (view.shape.n_dims != 2 || name == "token_embd.weight") continue;
      std::vector<float> means(view.shape.cols());
      for (size_t c = 0; c < means.size(); ++c) means[c] = c % 5 == 1 ? 9.0f : 0.25f;
      imatrix_.entries[name] = {.mean_squares = means, .counts = {100}};
    }
  }
  static TypeRules Rules(DType type, const std::vector<std::string>& exceptions = {}) {
    return TypeRules::Create(type, exceptions).value();
  }
  Result<ImportanceMatch> Match(const TypeRules& rules = Rules(DType::kIQ4_NL)) const {
    return MatchImportance(imatrix_, "some.imatrix", *source_, rules);
  }
  std::vector<float> Decoded(const std::string& file) const {
    const auto model = std::move(model::Checkpoint::Open(folder_.Path(file))).value();
    const TensorView& view = *model->Find(kTensor);
    std::vector<float> values(view.shape.Elements());
    kernels::FindCodec(view.type)->decode(view.bytes.data(), values.size(), values.data());
    return values;
  }

  TestFolder folder_;
  std::unique_ptr<const model::Checkpoint> source_;
  formats::Imatrix imatrix_;
};

TEST_F(ColumnImportanceTest, EveryMatrixThatIsEncodedFindsItsEntry) {
  const auto match = Match();
  ASSERT_TRUE(match.ok()) << match.status().message();
  EXPECT_TRUE(match.value().without.empty()) << match.value().without.front();
  EXPECT_EQ(match.value().importances.size(), imatrix_.entries.size());
  EXPECT_EQ(match.value().importances.count("token_embd.weight"), 0u) << "is only looked up in";
}

TEST_F(ColumnImportanceTest, TensorsThatNeedNoneAreNotMissed) {
  imatrix_.entries.erase("blk.0.attn_q.weight");
  imatrix_.entries.erase("blk.1.attn_q.weight");
  const auto kept = Match(Rules(DType::kIQ4_NL, {"blk.0.attn_q=keep", "blk.1.attn_q=F16"}));
  ASSERT_TRUE(kept.ok());
  EXPECT_TRUE(kept.value().without.empty()) << kept.value().without.front();
  const auto all = Match();
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all.value().without,
            (std::vector<std::string>{"blk.0.attn_q.weight", "blk.1.attn_q.weight"}));
}

TEST_F(ColumnImportanceTest, AnEntryOfAnotherWidthIsRefusedWithBothNumbers) {
  imatrix_.entries[kTensor].mean_squares.resize(95, 1.0f);
  const auto match = Match();
  ASSERT_FALSE(match.ok());
  EXPECT_EQ(match.status().code(), ErrorCode::kInvalidArgument);
  for (const char* word : {"some.imatrix", kTensor.c_str(), "95", "96"}) {
    EXPECT_NE(match.status().message().find(word), std::string::npos) << match.status().message();
  }
}

// An error in a column that the text never used costs little, but not nothing.
TEST_F(ColumnImportanceTest, ColumnsWithoutInputsStillCountALittle) {
  auto& means = imatrix_.entries[kTensor].mean_squares;
  std::fill(means.begin(), means.begin() + 32, 0.0f);
  const auto match = Match();
  ASSERT_TRUE(match.ok());
  const std::vector<float>& importance = match.value().importances.at(kTensor);
  EXPECT_GT(importance[0], 0.01f);
  EXPECT_LT(importance[0], 0.1f * *std::max_element(importance.begin(), importance.end()));
}

TEST_F(ColumnImportanceTest, InputsThatNeverFiredWeighAlike) {
  for (auto& entry : imatrix_.entries) {
    std::fill(entry.second.mean_squares.begin(), entry.second.mean_squares.end(), 0.0f);
  }
  const auto match = Match();
  ASSERT_TRUE(match.ok());
  for (const float importance : match.value().importances.at(kTensor)) EXPECT_EQ(importance, 1.0f);
}

TEST_F(ColumnImportanceTest, TheSizeOfInputsAloneChangesNothing) {
  const auto once = Match();
  for (auto& entry : imatrix_.entries) {
    for (float& mean : entry.second.mean_squares) mean *= 0x1p-100f;
  }
  const auto tiny = Match();
  ASSERT_TRUE(once.ok() && tiny.ok());
  EXPECT_EQ(once.value().importances, tiny.value().importances);
}

TEST_F(ColumnImportanceTest, AFileWrittenWithItErrsLessWhereInputsAreLarge) {
  ThreadTeam team(2);
  const auto match = Match();
  ASSERT_TRUE(match.ok());
  const TypeRules rules = Rules(DType::kIQ4_NL);
  ASSERT_TRUE(Recode(*source_, rules, {}, folder_.Path("plain.gguf"), team, {}).ok());
  ASSERT_TRUE(Recode(*source_, rules, {}, folder_.Path("weighed.gguf"), team, {}, {},
                     {.importances = match.value().importances})
                  .ok());
  const auto original = Decoded("source.gguf"), plain = Decoded("plain.gguf"),
             weighed = Decoded("weighed.gguf");
  const std::vector<float>& means = imatrix_.entries.at(kTensor).mean_squares;
  double plain_loss = 0, weighed_loss = 0;
  for (size_t i = 0; i < original.size(); ++i) {
    const double mean = means[i % means.size()];
    plain_loss += mean * std::pow(static_cast<double>(plain[i] - original[i]), 2);
    weighed_loss += mean * std::pow(static_cast<double>(weighed[i] - original[i]), 2);
  }
  EXPECT_LT(weighed_loss, 0.9 * plain_loss);
}

}  // namespace
}  // namespace altteul::compress
