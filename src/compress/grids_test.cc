// SPDX-License-Identifier: Apache-2.0

#include "compress/grids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "compress/grid_encoder.h"
#include "compress/recode.h"
#include "compress/survey.h"
#include "engine/test_model.h"
#include "formats/gguf.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

const std::string kTensor = "blk.1.ffn_down.weight";

class GridsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteTestModel(Path("source.gguf"), TestModelOptions{}).ok());
  }
  std::string Path(const std::string& name) const { return folder_.Path(name); }
  std::unique_ptr<const model::Checkpoint> Open(const std::string& name) const {
    auto file = model::Checkpoint::Open(Path(name));
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(file).value();
  }
  RecodeReport Recode(const std::string& from, const std::string& to, DType type,
                      const std::vector<std::string>& exceptions = {},
                      const TensorFacts& facts = {}) {
    auto rules = TypeRules::Create(type, exceptions);
    EXPECT_TRUE(rules.ok()) << rules.status().message();
    auto report = compress::Recode(*Open(from), rules.value(), {}, Path(to), team_, {}, {}, facts);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return std::move(report).value();
  }
  Grids Find(const std::string& name, const std::vector<DType>& types) {
    const TypeChoices asked = [&](std::string_view, const TensorView&) {
      return Result<std::vector<DType>>(types);
    };
    auto grids = FindGrids(*Open(name), asked, team_, {});
    EXPECT_TRUE(grids.ok()) << grids.status().message();
    return std::move(grids).value();
  }
  std::vector<float> Decoded(const std::string& file, const std::string& tensor) const {
    const auto model = Open(file);
    const TensorView& view = *model->Find(tensor);
    std::vector<float> values(view.shape.Elements());
    kernels::FindCodec(view.type)->decode(view.bytes.data(), values.size(), values.data());
    return values;
  }

  TestFolder folder_;
  ThreadTeam team_{2};
};

TEST_F(GridsTest, OrdinaryModelsLieOnNone) {
  EXPECT_TRUE(Find("source.gguf", GridTypes()).empty());
  Recode("source.gguf", "bf16.gguf", DType::kBF16);
  EXPECT_TRUE(Find("bf16.gguf", GridTypes()).empty());
}

TEST_F(GridsTest, AModelOutOfBlocksLiesOnTheirGridAndComesBackExactly) {
  for (const DType plain : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const DType type : {DType::kQ4_0, DType::kQ5_1, DType::kIQ4_NL}) {
      const std::string what =
          std::string(TraitsOf(type).name) + " in " + std::string(TraitsOf(plain).name);
      Recode("source.gguf", "blocks.gguf", type, {"output=" + std::string(TraitsOf(type).name)});
      Recode("blocks.gguf", "plain.gguf", plain);
      const Grids grids = Find("plain.gguf", {type});
      EXPECT_EQ(grids.size(), 15u) << what << ": all matrices but the embedding, which is Q8_0";
      EXPECT_TRUE(IsOnGrid(grids, kTensor, type)) << what;
      EXPECT_FALSE(IsOnGrid(grids, kTensor, DType::kQ8_0)) << what << ": was not asked";
      EXPECT_FALSE(IsOnGrid(grids, "token_embd.weight", type)) << what;
      const RecodeReport report =
          Recode("plain.gguf", "back.gguf", type, {}, {.importances = {}, .grids = grids});
      Recode("back.gguf", "again.gguf", plain);
      EXPECT_EQ(Decoded("again.gguf", kTensor), Decoded("plain.gguf", kTensor)) << what;
      for (const RecodeReport::Tensor& tensor : report.tensors) {
        const bool is_same_type = tensor.name == "output.weight";  // gets Q8_0
        if (is_same_type) continue;
        EXPECT_EQ(tensor.on_grid, IsOnGrid(grids, tensor.name, type)) << tensor.name;
        EXPECT_EQ(tensor.note.find("kept exactly") != tensor.note.npos, tensor.on_grid);
      }
    }
  }
}

TEST_F(GridsTest, OfSeveralTypesTheSmallestIsFound) {
  Recode("source.gguf", "blocks.gguf", DType::kQ4_0);
  Recode("blocks.gguf", "plain.gguf", DType::kF16);
  const Grids grids = Find("plain.gguf", {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kF32});
  EXPECT_EQ(grids.at(kTensor), DType::kQ4_0);
  EXPECT_EQ(grids.at("token_embd.weight"), DType::kQ8_0);
  EXPECT_EQ(Find("plain.gguf", {DType::kQ8_0}).at(kTensor), DType::kQ8_0);
}

TEST_F(GridsTest, OneValueOfALaterRowTakesATensorOffTheGrid) {
  Recode("source.gguf", "blocks.gguf", DType::kQ4_0);
  Recode("blocks.gguf", "plain.gguf", DType::kF32);
  std::fstream file(Path("plain.gguf"), std::ios::in | std::ios::out | std::ios::binary);
  const auto model = Open("plain.gguf");
  const TensorView& tensor = *model->Find(kTensor);
  // The mapping is of the file, so the tensor's place in it is where its bytes are found.
  std::string all((std::istreambuf_iterator<char>(file)), {});
  const std::string bytes(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  const size_t at = all.find(bytes);
  ASSERT_NE(at, all.npos);
  float value = 0;
  const size_t place = at + 4 * (5 * tensor.shape.cols() + 17);  // row 5 is not tried first
  std::memcpy(&value, &all[place], sizeof(value));
  value += 1e-3f;
  file.clear();
  file.seekp(static_cast<std::streamoff>(place));
  file.write(reinterpret_cast<const char*>(&value), sizeof(value));
  file.close();
  const Grids grids = Find("plain.gguf", {DType::kQ4_0});
  EXPECT_FALSE(IsOnGrid(grids, kTensor, DType::kQ4_0));
  EXPECT_TRUE(IsOnGrid(grids, "blk.0.ffn_down.weight", DType::kQ4_0));
}

TEST_F(GridsTest, BlocksOfATypeAreKeptAndItIsSaid) {
  Recode("source.gguf", "blocks.gguf", DType::kQ4_0);
  const RecodeReport report = Recode("blocks.gguf", "same.gguf", DType::kQ4_0);
  EXPECT_EQ(Decoded("same.gguf", kTensor), Decoded("blocks.gguf", kTensor));
  for (const RecodeReport::Tensor& tensor : report.tensors) {
    const bool has_blocks = TraitsOf(tensor.to).block_elements > 1;
    EXPECT_EQ(tensor.note.find("kept exactly") != tensor.note.npos, has_blocks) << tensor.name;
    EXPECT_FALSE(tensor.on_grid) << tensor.name;
  }
}

TEST_F(GridsTest, InASurveyTheGridCostsNothingAndAllElseSomething) {
  Recode("source.gguf", "blocks.gguf", DType::kQ4_0, {"attn_v=F32"});
  Recode("blocks.gguf", "plain.gguf", DType::kF32);
  const std::vector<DType> types = {DType::kQ8_0, DType::kQ4_0, DType::kIQ4_NL, DType::kF32};
  const Grids grids = Find("plain.gguf", types);
  const auto* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();
  compute::CpuCompute compute(*kernels, team_);
  const auto model =
      model::LoadModel(Path("plain.gguf"), {.precision = kernels::Precision::kF32}, compute, {});
  ASSERT_TRUE(model.ok()) << model.status().message();
  const TypeChoices choices = [&](std::string_view, const TensorView& tensor) {
    return Result<std::vector<DType>>(tensor.shape.n_dims == 2 ? types : std::vector{tensor.type});
  };
  std::string text;
  for (size_t i = 0; i < 256; ++i) text += static_cast<char>('a' + i * i % 23);
  const auto ids = BytesAsTokens(text);
  const auto surveys =
      SurveyTensors(*model.value(), choices, std::span(ids).first(128), std::span(ids).last(128),
                    {.context = 32, .probe_context = 32, .grids = &grids}, compute, {});
  ASSERT_TRUE(surveys.ok()) << surveys.status().message();
  for (const TensorSurvey& survey : surveys.value()) {
    const bool is_decoded = survey.name.find("attn_v") == survey.name.npos;
    EXPECT_EQ(grids.count(survey.name), is_decoded ? 1u : 0u) << survey.name;
    for (const TypeCost& cost : survey.costs) {
      const bool is_free = cost.type == DType::kF32 || IsOnGrid(grids, survey.name, cost.type);
      // A larger type may hold a smaller one's values too, without anyone having looked.
      const bool may_be_free = is_decoded && cost.type == DType::kQ8_0;
      if (!is_free && !may_be_free) {
        EXPECT_GT(cost.error, 0) << survey.name << " " << TraitsOf(cost.type).name;
      }
      if (!is_free) continue;
      EXPECT_EQ(cost.error, 0) << survey.name << " " << TraitsOf(cost.type).name;
      EXPECT_EQ(cost.kl, 0) << survey.name << " " << TraitsOf(cost.type).name;
    }
  }
}

TEST_F(GridsTest, CanBeStopped) {
  const TypeChoices asked = [](std::string_view, const TensorView&) {
    return Result<std::vector<DType>>(std::vector{DType::kQ4_0});
  };
  const auto grids = FindGrids(*Open("source.gguf"), asked, team_,
                               [](uint64_t done, uint64_t) { return done < 3; });
  ASSERT_FALSE(grids.ok());
  EXPECT_EQ(grids.status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::compress
