// SPDX-License-Identifier: Apache-2.0

// Work that is stopped behind any step and goes on gives the bytes of work that was not.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "compress/calibrated_encoder.h"
#include "compress/layer_groups.h"
#include "compress/survey.h"
#include "compress/survey_text.h"
#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestFolder;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr size_t kContext = 32;
const Job kJob = {.input = {{"source", "a test"}}, .target = {}};

std::vector<text::TokenId> Text(size_t n_tokens) {
  std::string text;
  for (size_t i = 0; i < n_tokens; ++i) text += static_cast<char>('a' + i * i % 23);
  return BytesAsTokens(text);
}

TestModelOptions ThreeLayers() {
  TestModelOptions options;
  options.layers = 3;
  return options;
}

class ResumeTest : public ::testing::TestWithParam<int> {
 protected:
  Result<EncodedTensors> Encode(const WorkPlace& place, InputSquares* squares = nullptr) {
    const TypeChoice choose = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<DType>(matrix ? DType::kQ4_0 : tensor.type);
    };
    CalibrationOptions options;
    options.context = kContext;
    return EncodeCalibrated(*model_.model, choose, Text(2 * kContext), options, compute_, place,
                            squares);
  }
  Result<std::vector<TensorSurvey>> Survey(const WorkPlace& place, size_t probe_every = 1) {
    const TypeChoices choices = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<std::vector<DType>>(matrix ? std::vector{DType::kQ8_0, DType::kQ4_0}
                                               : std::vector{tensor.type});
    };
    const auto text = Text(4 * kContext);
    SurveyOptions options;
    options.context = options.probe_context = kContext;
    options.probe_every = probe_every;
    options.weights_sampled = 512;
    return SurveyTensors(*model_.model, choices, std::span(text).first(2 * kContext),
                         std::span(text).last(2 * kContext), options, compute_, place);
  }
  WorkFolder Open() { return std::move(WorkFolder::Resume(path_, kJob, {})).value(); }

  /// Stops at the n-th time that progress is told.
  static ProgressSink StopAt(size_t n) {
    return [n, calls = size_t{0}](uint64_t, uint64_t) mutable { return calls++ < n; };
  }
  static size_t CountTold(const std::function<bool(const ProgressSink&)>& work) {
    size_t calls = 0;
    EXPECT_TRUE(work([&calls](uint64_t, uint64_t) { return ++calls > 0; }));
    return calls;
  }

  void ExpectSame(const EncodedTensors& a, const EncodedTensors& b) {
    ASSERT_EQ(a.size(), b.size());
    for (const auto& tensor : a) {
      ASSERT_TRUE(b.count(tensor.first) == 1) << tensor.first;
      EXPECT_TRUE(std::ranges::equal(tensor.second.bytes(), b.at(tensor.first).bytes()))
          << tensor.first;
    }
  }

  TestFolder folder_;
  const std::string path_ = folder_.Path("out.gguf.work");
  TestModel model_{ThreeLayers(), kernels::Precision::kF32};
  ThreadTeam team_{GetParam()};
  compute::CpuCompute compute_{*model_.kernels, team_};
};

TEST_P(ResumeTest, EncodingGoesOnFromEveryStep) {
  const auto whole = Encode({});
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  const size_t steps =
      CountTold([&](const ProgressSink& told) { return Encode({.progress = told}).ok(); });
  ASSERT_GT(steps, 10u);
  for (size_t stop = 0; stop < steps; stop += 2) {
    {
      WorkFolder work = Open();
      const auto stopped =
          Encode({.folder = &work, .progress = StopAt(stop), .snapshot_seconds = 0});
      ASSERT_FALSE(stopped.ok()) << stop;
      EXPECT_EQ(stopped.status().code(), ErrorCode::kCancelled);
    }
    WorkFolder work = Open();
    const auto resumed = Encode({.folder = &work, .snapshot_seconds = 0});
    ASSERT_TRUE(resumed.ok()) << resumed.status().message();
    ExpectSame(whole.value(), resumed.value());
    ASSERT_TRUE(work.Finish().ok());
  }
}

TEST_P(ResumeTest, StreamsGoOnFromTheLastSnapshot) {
  const auto whole = Encode({});
  ASSERT_TRUE(whole.ok());
  const size_t steps =
      CountTold([&](const ProgressSink& told) { return Encode({.progress = told}).ok(); });
  for (const double seconds : {0.0, 1e9}) {  // a snapshot behind each layer, and none
    {
      WorkFolder work = Open();
      const WorkPlace place{
          .folder = &work, .progress = StopAt(steps - 2), .snapshot_seconds = seconds};
      ASSERT_FALSE(Encode(place).ok());
    }
    WorkFolder work = Open();
    const size_t told = CountTold([&](const ProgressSink& progress) {
      const auto resumed =
          Encode({.folder = &work, .progress = progress, .snapshot_seconds = seconds});
      if (resumed.ok()) ExpectSame(whole.value(), resumed.value());
      return resumed.ok();
    });
    // Of all layers but the last nothing is done again; without snapshots the streams are.
    if (seconds == 0.0) {
      EXPECT_LE(told, 2 + GroupsOf(model_.model->config, 0).size());
    } else {
      EXPECT_GT(told, NumberOfGroups(model_.model->config, model_.model->config.n_layers() - 1));
    }
    ASSERT_TRUE(work.Finish().ok());
  }
}

TEST_P(ResumeTest, EncodingThatIsStoppedAgainAndAgainEnds) {
  const auto whole = Encode({});
  ASSERT_TRUE(whole.ok());
  for (size_t allowed = 1;; ++allowed) {
    WorkFolder work = Open();
    const size_t before = work.n_pieces();
    const auto encoded =
        Encode({.folder = &work, .progress = StopAt(allowed), .snapshot_seconds = 0});
    EXPECT_GE(work.n_pieces(), before);
    if (!encoded.ok()) continue;
    ExpectSame(whole.value(), encoded.value());
    break;
  }
}

TEST_P(ResumeTest, OnePieceThatIsLostIsMadeAgain) {
  std::vector<std::string> names;
  {
    WorkFolder work = Open();
    const auto whole = Encode({.folder = &work, .snapshot_seconds = 0});
    ASSERT_TRUE(whole.ok());
    for (const auto& tensor : whole.value()) names.push_back(tensor.first);
  }
  const auto whole = Encode({});
  for (const std::string& name : names) {
    ASSERT_TRUE(std::filesystem::remove(path_ + "/tensor-" + name + ".piece")) << name;
    WorkFolder work = Open();
    const auto again = Encode({.folder = &work});
    ASSERT_TRUE(again.ok()) << again.status().message();
    ExpectSame(whole.value(), again.value());
  }
}

TEST_P(ResumeTest, SquaresOfInputsAreTheSameWhereverWorkWasStopped) {
  InputSquares whole;
  const auto tensors = Encode({}, &whole);
  ASSERT_TRUE(tensors.ok());
  const size_t steps =
      CountTold([&](const ProgressSink& told) { return Encode({.progress = told}).ok(); });
  for (size_t stop = 0; stop < steps; stop += 3) {
    {
      InputSquares part;
      WorkFolder work = Open();
      ASSERT_FALSE(
          Encode({.folder = &work, .progress = StopAt(stop), .snapshot_seconds = 0}, &part).ok())
          << stop;
    }
    InputSquares resumed;
    WorkFolder work = Open();
    const auto again = Encode({.folder = &work}, &resumed);
    ASSERT_TRUE(again.ok()) << again.status().message();
    ExpectSame(tensors.value(), again.value());
    EXPECT_EQ(resumed.means, whole.means) << stop;
    EXPECT_EQ(resumed.tokens, whole.tokens);
    ASSERT_TRUE(work.Finish().ok());
  }
}

TEST_P(ResumeTest, SquaresCanBeAskedForWhenAllElseIsDone) {
  InputSquares whole, late, kept;
  ASSERT_TRUE(Encode({}, &whole).ok());
  WorkFolder work = Open();
  ASSERT_TRUE(Encode({.folder = &work}).ok());
  ASSERT_TRUE(Encode({.folder = &work}, &late).ok());
  EXPECT_EQ(late.means, whole.means);
  EXPECT_LE(CountTold([&](const ProgressSink& told) {
              return Encode({.folder = &work, .progress = told}, &kept).ok();
            }),
            2u)
      << "they are kept";
  EXPECT_EQ(kept.means, whole.means);
}

TEST_P(ResumeTest, WhatIsCompleteIsNotComputedAgain) {
  WorkFolder work = Open();
  ASSERT_TRUE(Encode({.folder = &work}).ok());
  ASSERT_TRUE(Survey({.folder = &work}).ok());
  EXPECT_LE(CountTold([&](const ProgressSink& told) {
              return Encode({.folder = &work, .progress = told}).ok();
            }),
            2u);
  EXPECT_LE(CountTold([&](const ProgressSink& told) {
              return Survey({.folder = &work, .progress = told}).ok();
            }),
            2u);
}

TEST_P(ResumeTest, AnEstimateChangesNoByteAndEndsAtNothing) {
  const auto whole = Encode({});
  const SteadyClock clock;
  double told = -1;
  WorkEstimate estimate(clock, [&told](double seconds) { told = seconds; });
  const auto estimated = Encode({.estimate = &estimate});
  ASSERT_TRUE(whole.ok() && estimated.ok());
  ExpectSame(whole.value(), estimated.value());
  EXPECT_GT(told, 0.0);
  EXPECT_LT(estimate.SecondsLeft(), 1e-3 + 1e-3 * told) << "of " << told;
}

TEST_P(ResumeTest, SurveysGoOnFromEveryStep) {
  for (const size_t every : {size_t{1}, size_t{2}}) {
    const auto whole = Survey({}, every);
    ASSERT_TRUE(whole.ok()) << whole.status().message();
    const std::string expected = SurveysAsText(whole.value());
    const size_t steps =
        CountTold([&](const ProgressSink& told) { return Survey({.progress = told}, every).ok(); });
    for (size_t stop = 0; stop < steps; stop += 5) {
      {
        WorkFolder work = Open();
        const auto stopped =
            Survey({.folder = &work, .progress = StopAt(stop), .snapshot_seconds = 0}, every);
        ASSERT_FALSE(stopped.ok()) << stop;
      }
      WorkFolder work = Open();
      const auto resumed = Survey({.folder = &work}, every);
      ASSERT_TRUE(resumed.ok()) << resumed.status().message();
      EXPECT_EQ(SurveysAsText(resumed.value()), expected) << stop;
      for (const TensorSurvey& survey : resumed.value()) EXPECT_EQ(survey.shape.n_dims, 2u);
      ASSERT_TRUE(work.Finish().ok());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ResumeTest, ::testing::Values(1, 3));

TEST(SurveyTextTest, NumbersComeBackBitForBit) {
  std::vector<TensorSurvey> surveys(2);
  surveys[0].name = "blk.0.attn_q.weight";
  surveys[0].source = DType::kBF16;
  surveys[0].measured = DType::kQ4_K;
  surveys[0].interpolated = true;
  surveys[0].costs = {{DType::kQ4_K, 123456789012, 0.1, 1.0 / 3}, {DType::kIQ2_XXS, 1, 0, 5e-324}};
  surveys[1].name = "a name with spaces";
  surveys[1].costs = {{DType::kQ8_0, 7, 1e300, -0.0}};
  const std::string text = SurveysAsText(surveys);
  const auto back = SurveysFromText(text);
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ((*back)[0].costs[0].kl, 1.0 / 3);
  EXPECT_EQ((*back)[0].costs[0].bytes, 123456789012u);
  EXPECT_EQ((*back)[0].measured, DType::kQ4_K);
  EXPECT_TRUE((*back)[0].interpolated);
  EXPECT_FALSE((*back)[1].interpolated);
  EXPECT_EQ(SurveysAsText(*back), text);
  EXPECT_TRUE(SurveysFromText("")->empty());
  for (const char* bad :
       {"x", "x\nF32", "x\nF32 F32 0 1\n", "x\nF32 F99 0 0\n", "x\nF32 F32 0 1\nQ8_0 1 z 0\n",
        "x\nF32 F32 0 999999999\n", "x\nF32 F32 z 0\n"}) {
    EXPECT_FALSE(SurveysFromText(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace altteul::compress
