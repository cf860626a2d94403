// SPDX-License-Identifier: Apache-2.0

#include "compress/type_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/human_units.h"
#include "compress/recode.h"
#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

constexpr DType kTypes[] = {DType::kQ8_0, DType::kIQ4_NL, DType::kF32};

class TypePlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteTestModel(folder_.Path("source.gguf"), TestModelOptions{}).ok());
    source_ = model::Checkpoint::Open(folder_.Path("source.gguf")).value();
  }

  /// Made up: every layer's tensors cost twice as much as those of the layer before.
  TypePlan Plan() const {
    std::vector<TensorSurvey> surveys;
    for (const auto& tensor : source_->tensors()) {
      if (tensor.view.shape.n_dims != 2) continue;
      TensorSurvey survey;
      survey.name = tensor.name;
      survey.shape = tensor.view.shape;
      survey.source = tensor.view.type;
      const double weight = tensor.name.starts_with("blk.1.") ? 2 : 1;
      for (const DType type : kTypes) {
        const double kl = type == DType::kF32 ? 0 : type == DType::kQ8_0 ? 0.0001 : 0.01;
        survey.costs.push_back(
            {type, tensor.view.shape.rows() * *RowBytes(type, tensor.view.shape.cols()), kl,
             weight * kl});
      }
      surveys.push_back(std::move(survey));
    }
    auto rules = TypeRules::Create(DType::kQ8_0, {});
    auto plan = TypePlan::Create(std::move(surveys), *source_, std::move(rules).value());
    EXPECT_TRUE(plan.ok()) << plan.status().message();
    return std::move(plan).value();
  }

  uint64_t WrittenBytes(const TypePlan& plan, const PlannedTypes& planned) {
    ThreadTeam team(2);
    const std::string out = folder_.Path("out.gguf");
    const auto report = Recode(*source_, plan.RulesFor(planned), {}, out, team, {});
    EXPECT_TRUE(report.ok()) << report.status().message();
    return std::filesystem::file_size(out);
  }

  TestFolder folder_;
  std::unique_ptr<const model::Checkpoint> source_;
};

TEST_F(TypePlanTest, TheFileHasThePlannedSizeAndIsNoLargerThanAsked) {
  const TypePlan plan = Plan();
  const auto front = plan.Front();
  ASSERT_GE(front.size(), 3u);
  const uint64_t smallest = front.front().file_bytes, largest = front.back().file_bytes;
  const uint64_t sizes[] = {smallest,    smallest + 1, (smallest + largest) / 2,
                            largest - 1, largest,      2 * largest};
  for (const uint64_t asked : sizes) {
    const auto planned = plan.Within(asked);
    ASSERT_TRUE(planned.ok()) << planned.status().message();
    EXPECT_LE(planned.value().file_bytes, asked);
    EXPECT_EQ(WrittenBytes(plan, planned.value()), planned.value().file_bytes);
  }
}

TEST_F(TypePlanTest, AnyMixIsCountedAsTheFileThatItGives) {
  const TypePlan plan = Plan();
  std::vector<size_t> picks;
  double kl = 0;
  for (size_t i = 0; i < plan.surveys().size(); ++i) {
    picks.push_back(i % std::size(kTypes));
    kl += plan.surveys()[i].costs[picks.back()].kl;
  }
  const PlannedTypes planned = plan.Planned(picks);
  for (size_t i = 0; i < picks.size(); ++i) EXPECT_EQ(planned.types[i], kTypes[picks[i]]);
  EXPECT_DOUBLE_EQ(planned.kl, kl);
  EXPECT_EQ(planned.file_bytes, WrittenBytes(plan, planned));
}

TEST_F(TypePlanTest, WhatMattersMoreKeepsMoreBits) {
  const TypePlan plan = Plan();
  const auto front = plan.Front();
  const auto planned = plan.Within((front.front().file_bytes + front.back().file_bytes) / 2);
  ASSERT_TRUE(planned.ok());
  double bits[2] = {};
  for (size_t i = 0; i < plan.surveys().size(); ++i) {
    const std::string& name = plan.surveys()[i].name;
    const double each = TraitsOf(planned.value().types[i]).bits_per_element();
    if (name.starts_with("blk.0.")) bits[0] += each;
    if (name.starts_with("blk.1.")) bits[1] += each;
  }
  EXPECT_GT(bits[1], bits[0]);
}

TEST_F(TypePlanTest, TheFrontGetsBetterWithEveryByte) {
  const auto front = Plan().Front();
  for (size_t i = 1; i < front.size(); ++i) {
    EXPECT_GT(front[i].file_bytes, front[i - 1].file_bytes);
    EXPECT_LT(front[i].kl, front[i - 1].kl);
  }
  EXPECT_EQ(front.back().kl, 0);
}

TEST_F(TypePlanTest, ADivergenceIsReachedWithTheFewestBytes) {
  const TypePlan plan = Plan();
  for (const PlannedTypes& step : plan.Front()) {
    const auto planned = plan.ForDivergence(step.kl);
    ASSERT_TRUE(planned.ok()) << planned.status().message();
    EXPECT_LE(planned.value().kl, step.kl * (1 + 1e-9));
    EXPECT_LE(planned.value().file_bytes, step.file_bytes);
  }
}

TEST_F(TypePlanTest, ASizeThatNoMixReachesIsRefusedWithTheSmallest) {
  const TypePlan plan = Plan();
  const uint64_t smallest = plan.Front().front().file_bytes;
  for (const uint64_t asked : {smallest - 1, uint64_t{0}}) {
    const auto planned = plan.Within(asked);
    ASSERT_FALSE(planned.ok());
    EXPECT_EQ(planned.status().code(), ErrorCode::kQualityGate);
    EXPECT_NE(planned.status().message().find(FormatCount(smallest)), std::string::npos)
        << planned.status().message();
  }
}

TEST_F(TypePlanTest, ADivergenceThatNoMixReachesIsRefusedWithTheLeast) {
  TypePlan plan = Plan();
  const auto planned = plan.ForDivergence(-1);
  ASSERT_FALSE(planned.ok());
  EXPECT_EQ(planned.status().code(), ErrorCode::kQualityGate);
}

/// What a tensor costs, less in larger types.
TensorSurvey SurveyOf(const std::string& name, const TensorView& tensor, double kl) {
  TensorSurvey survey{.name = name, .shape = tensor.shape, .source = tensor.type, .costs = {}};
  for (const DType type : {DType::kQ4_0, DType::kQ5_0, DType::kQ8_0}) {
    survey.costs.push_back({.type = type,
                            .bytes = *RowBytes(type, tensor.shape.cols()) * tensor.shape.rows(),
                            .error = 0,
                            .kl = kl});
    kl /= 4;
  }
  survey.measured = DType::kQ4_0;
  return survey;
}

// Metadata counts: what is planned is what the disk shows, whatever is written into the file.
TEST(TypePlanWithNotesTest, APlannedFileHasItsBytes) {
  TestFolder folder;
  ASSERT_TRUE(WriteTestModel(folder.Path("source.gguf"), TestModelOptions{}).ok());
  const auto source = model::Checkpoint::Open(folder.Path("source.gguf")).value();
  ThreadTeam team(2);
  for (const size_t length : {0, 1, 31, 64}) {
    FileNotes notes = {{"altteul.target", std::string(length, 'x')},
                       {"altteul.calibration.tokens", uint64_t{1024}}};
    if (length == 0) notes.clear();
    std::vector<TensorSurvey> surveys;
    double kl = 0.001;
    for (const char* name : {"blk.0.attn_q.weight", "blk.0.ffn_up.weight", "blk.1.ffn_up.weight"}) {
      surveys.push_back(SurveyOf(name, *source->Find(name), kl *= 2));
    }
    const auto plan = TypePlan::Create(std::move(surveys), *source,
                                       TypeRules::Create(DType::kQ8_0, {}).value(), notes);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    for (const PlannedTypes& planned : plan.value().Front()) {
      const auto within = plan.value().Within(planned.file_bytes);
      ASSERT_TRUE(within.ok());
      EXPECT_LE(within.value().file_bytes, planned.file_bytes);
      const std::string out = folder.Path("out.gguf");
      const auto written =
          Recode(*source, plan.value().RulesFor(planned), {}, out, team, {}, notes);
      ASSERT_TRUE(written.ok()) << written.status().message();
      EXPECT_EQ(planned.file_bytes, std::filesystem::file_size(out)) << length;
      EXPECT_EQ(planned.file_bytes, written.value().file_bytes);
    }
  }
}

}  // namespace
}  // namespace altteul::compress
