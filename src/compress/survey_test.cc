// SPDX-License-Identifier: Apache-2.0

#include "compress/survey.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr size_t kContext = 32;
constexpr DType kTypes[] = {DType::kQ8_0, DType::kQ5_0, DType::kIQ4_NL, DType::kF32};

std::vector<text::TokenId> Text(size_t n_tokens, size_t step) {
  std::string text;
  for (size_t i = 0; i < n_tokens; ++i) text += static_cast<char>('a' + i * (i + step) % 23);
  return BytesAsTokens(text);
}

class SurveyTest : public ::testing::Test {
 protected:
  static Result<std::vector<TensorSurvey>> Survey(const model::Model& model, int threads = 2,
                                                  const ProgressSink& progress = {},
                                                  size_t calibration = 4 * kContext,
                                                  size_t held_out = 4 * kContext) {
    return Survey(model, {.context = kContext, .probe_context = kContext}, threads, progress,
                  calibration, held_out);
  }
  static Result<std::vector<TensorSurvey>> Survey(const model::Model& model,
                                                  const SurveyOptions& options, int threads = 2,
                                                  const ProgressSink& progress = {},
                                                  size_t calibration = 4 * kContext,
                                                  size_t held_out = 4 * kContext) {
    ThreadTeam team(threads);
    const auto* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();
    compute::CpuCompute compute(*kernels, team);
    const TypeChoices choices = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return matrix ? Result<std::vector<DType>>(
                          std::vector<DType>(std::begin(kTypes), std::end(kTypes)))
                    : Result<std::vector<DType>>(std::vector<DType>{tensor.type});
    };
    return SurveyTensors(model, choices, Text(calibration, 1), Text(held_out, 2), options, compute,
                         {.progress = progress});
  }

  TestModel model_{TestModelOptions{}, kernels::Precision::kF32};
};

TEST_F(SurveyTest, EveryMatrixIsThereOnceWithItsCosts) {
  const auto surveys = Survey(*model_.model);
  ASSERT_TRUE(surveys.ok()) << surveys.status().message();
  std::map<std::string, int> seen;
  for (const TensorSurvey& survey : surveys.value()) {
    ++seen[survey.name];
    const TensorView& tensor = *model_.model->file->Find(survey.name);
    ASSERT_EQ(survey.costs.size(), std::size(kTypes)) << survey.name;
    EXPECT_EQ(survey.source, tensor.type);
    EXPECT_EQ(survey.measured, DType::kIQ4_NL) << "the type nearest to 4.5 bits";
    for (size_t i = 0; i < survey.costs.size(); ++i) {
      const TypeCost& cost = survey.costs[i];
      EXPECT_EQ(cost.type, kTypes[i]);
      EXPECT_EQ(cost.bytes, tensor.shape.rows() * *RowBytes(cost.type, tensor.shape.cols()));
    }
  }
  for (const auto& tensor : model_.model->file->tensors()) {
    const int times = tensor.view.shape.n_dims == 2 ? 1 : 0;
    EXPECT_EQ(seen[tensor.name], times) << tensor.name;
  }
}

TEST_F(SurveyTest, FewerBitsCostMoreAndTheOwnTypeNothing) {
  const auto surveys = Survey(*model_.model);
  ASSERT_TRUE(surveys.ok()) << surveys.status().message();
  for (const TensorSurvey& survey : surveys.value()) {
    const TypeCost &q8 = survey.costs[0], &q5 = survey.costs[1], &iq4 = survey.costs[2],
                   &own = survey.costs[3];
    EXPECT_EQ(own.error, 0) << survey.name;
    EXPECT_EQ(own.kl, 0) << survey.name;
    EXPECT_GT(q8.error, 0) << survey.name;
    EXPECT_GT(q5.error, 4 * q8.error) << survey.name;
    EXPECT_GT(iq4.error, q5.error) << survey.name;
    EXPECT_LT(iq4.error, 0.1) << survey.name;
    // The linear law.
    EXPECT_NEAR(q5.kl * iq4.error, iq4.kl * q5.error, 1e-9 * iq4.error * q5.error) << survey.name;
  }
}

TEST_F(SurveyTest, ALayerThatDoesNothingCostsNothing) {
  TestModelOptions options;
  options.script = BytesAsTokens("abcdefgh");  // its layers add nothing to the stream
  const TestModel scripted(options, kernels::Precision::kF32);
  const auto surveys = Survey(*scripted.model);
  ASSERT_TRUE(surveys.ok()) << surveys.status().message();
  for (const TensorSurvey& survey : surveys.value()) {
    if (!survey.name.starts_with("blk.")) continue;
    EXPECT_LT(survey.costs[2].kl, 1e-6) << survey.name;
  }
}

TEST_F(SurveyTest, WhatIsNotMeasuredLiesBetweenThoseThatAre) {
  TestModelOptions options;
  options.layers = 6;
  const TestModel deep(options, kernels::Precision::kF32);
  const auto all = Survey(*deep.model);
  const auto some =
      Survey(*deep.model, {.context = kContext, .probe_context = kContext, .probe_every = 2});
  ASSERT_TRUE(all.ok()) << all.status().message();
  ASSERT_TRUE(some.ok()) << some.status().message();
  const auto named = [](const auto& surveys, size_t layer, const std::string& rest) {
    const std::string name = "blk." + std::to_string(layer) + "." + rest;
    for (const TensorSurvey& survey : surveys.value()) {
      if (survey.name == name) return survey;
    }
    ADD_FAILURE() << name;
    return TensorSurvey();
  };
  const auto kl_per_error = [](const TensorSurvey& survey) {
    return survey.costs[2].kl / survey.costs[2].error;
  };
  for (const char* rest : {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
                           "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"}) {
    for (size_t layer = 0; layer < 6; ++layer) {
      const TensorSurvey mine = named(some, layer, rest), truth = named(all, layer, rest);
      EXPECT_EQ(mine.interpolated, layer == 1 || layer == 3) << mine.name;
      EXPECT_FALSE(truth.interpolated);
      EXPECT_EQ(mine.measured, truth.measured);
      for (size_t t = 0; t < std::size(kTypes); ++t) {
        EXPECT_EQ(mine.costs[t].error, truth.costs[t].error) << mine.name;
        if (!mine.interpolated) {
          EXPECT_EQ(mine.costs[t].kl, truth.costs[t].kl) << mine.name;
        }
      }
      if (!mine.interpolated) continue;
      const double middle =
          (kl_per_error(named(all, layer - 1, rest)) + kl_per_error(named(all, layer + 1, rest))) /
          2;
      EXPECT_GT(middle, 0);
      EXPECT_NEAR(kl_per_error(mine), middle, 1e-9 * middle) << mine.name;
    }
  }
}

TEST_F(SurveyTest, OneLayerMayStandForAllBetweenItAndTheLast) {
  TestModelOptions options;
  options.layers = 4;
  const TestModel deep(options, kernels::Precision::kF32);
  const auto surveys =
      Survey(*deep.model, {.context = kContext, .probe_context = kContext, .probe_every = 1000});
  ASSERT_TRUE(surveys.ok()) << surveys.status().message();
  size_t n_interpolated = 0;
  for (const TensorSurvey& survey : surveys.value()) {
    n_interpolated += survey.interpolated ? 1 : 0;
    EXPECT_GT(survey.costs[2].kl, 0) << survey.name;
  }
  EXPECT_EQ(n_interpolated, 2u * 7u);
}

TEST_F(SurveyTest, ThreadsChangeNoFigure) {
  const auto one = Survey(*model_.model, 1), three = Survey(*model_.model, 3);
  ASSERT_TRUE(one.ok() && three.ok());
  ASSERT_EQ(one.value().size(), three.value().size());
  for (size_t i = 0; i < one.value().size(); ++i) {
    for (size_t t = 0; t < std::size(kTypes); ++t) {
      EXPECT_EQ(one.value()[i].costs[t].error, three.value()[i].costs[t].error);
      EXPECT_EQ(one.value()[i].costs[t].kl, three.value()[i].costs[t].kl);
    }
  }
}

TEST_F(SurveyTest, TextsShorterThanAChunkAreRefusedWithTheirLength) {
  const auto calibration = Survey(*model_.model, 2, {}, kContext - 1);
  ASSERT_FALSE(calibration.ok());
  EXPECT_NE(calibration.status().message().find("calibration text has 31"), std::string::npos)
      << calibration.status().message();
  const auto held_out = Survey(*model_.model, 2, {}, kContext, 7);
  ASSERT_FALSE(held_out.ok());
  EXPECT_EQ(held_out.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(held_out.status().message().find("held-out text has 7"), std::string::npos)
      << held_out.status().message();
}

TEST_F(SurveyTest, CanBeStopped) {
  const auto surveys = Survey(*model_.model, 2, [](uint64_t done, uint64_t) { return done < 2; });
  ASSERT_FALSE(surveys.ok());
  EXPECT_EQ(surveys.status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::compress
