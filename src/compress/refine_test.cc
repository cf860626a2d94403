// SPDX-License-Identifier: Apache-2.0

#include "compress/refine.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compress/refine_log.h"
#include "compress/survey.h"
#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::BytesAsTokens;
using engine::testing::TestFolder;
using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr size_t kContext = 32;
const std::vector<DType> kTypes = {DType::kQ8_0, DType::kQ5_0, DType::kQ4_0, DType::kF32};
const Job kJob = {.input = {{"source", "a test"}}, .target = {}};

std::vector<text::TokenId> Text(size_t n_tokens, size_t step) {
  std::string text;
  for (size_t i = 0; i < n_tokens; ++i) text += static_cast<char>('a' + i * (i + step) % 23);
  return BytesAsTokens(text);
}

TestModelOptions ThreeLayers() {
  TestModelOptions options;
  options.layers = 3;
  return options;
}

/// Every look at it is a second later.
class SteppingClock : public Clock {
 public:
  double Seconds() const override { return ++now_; }

 private:
  mutable double now_ = 0;
};

/// A model and a plan by a survey that takes the tensors of the first layer for far too cheap, so
/// that swaps have something to make good.
struct Planned {
  TestModel model{ThreeLayers(), kernels::Precision::kF32};
  std::vector<text::TokenId> calibration = Text(4 * kContext, 1), text = Text(12 * kContext, 3);
  std::optional<TypePlan> plan;
  uint64_t most_bytes = 0;
  PlannedTypes start;

  Planned() {
    ThreadTeam team(1);
    compute::CpuCompute compute(*model.kernels, team);
    const TypeChoices choices = [](std::string_view name, const TensorView& tensor) {
      const bool matrix = tensor.shape.n_dims == 2 && name.ends_with(".weight");
      return Result<std::vector<DType>>(matrix ? kTypes : std::vector{tensor.type});
    };
    auto surveys = SurveyTensors(*model.model, choices, calibration, Text(4 * kContext, 2),
                                 {.context = kContext, .probe_context = kContext}, compute, {});
    for (TensorSurvey& survey : surveys.value()) {
      if (!survey.name.starts_with("blk.0.")) continue;
      for (TypeCost& cost : survey.costs) cost.kl /= 30;
    }
    plan = std::move(TypePlan::Create(std::move(surveys).value(), *model.model->file,
                                      TypeRules::Create(DType::kQ8_0, {}).value()))
               .value();
    const auto front = plan->Front();
    most_bytes = (front.front().file_bytes + 2 * front[front.size() / 2].file_bytes) / 3;
    start = plan->Within(most_bytes).value();
  }
};

class RefineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { planned_ = new Planned; }
  static void TearDownTestSuite() {
    delete planned_;
    planned_ = nullptr;
  }

  struct Wanted {
    std::optional<size_t> n_swaps = 6;
    double seconds = std::numeric_limits<double>::infinity();
    int threads = 1;
    WorkFolder* folder = nullptr;
    ProgressSink told = {};
  };
  Result<RefinedMix> Refine(const Wanted& wanted) {
    ThreadTeam team(wanted.threads);
    compute::CpuCompute compute(*planned_->model.kernels, team);
    const SteppingClock clock;
    return RefineMix(
        *planned_->model.model, *planned_->plan, planned_->start, planned_->most_bytes,
        planned_->calibration, planned_->text,
        {.encoding = {.context = kContext},
         .meter = {.context = kContext},
         .n_swaps = wanted.n_swaps,
         .seconds = wanted.seconds},
        compute,
        {.clock = clock, .folder = wanted.folder, .encoding = wanted.told, .trying = wanted.told});
  }
  WorkFolder Open() { return std::move(WorkFolder::Resume(path_, kJob, {})).value(); }

  static void ExpectSame(const RefinedMix& a, const RefinedMix& b) {
    EXPECT_EQ(a.planned.types, b.planned.types);
    EXPECT_EQ(a.before.mean, b.before.mean);
    EXPECT_EQ(a.after.mean, b.after.mean);
    EXPECT_EQ(a.gain.standard_error, b.gain.standard_error);
    ASSERT_EQ(a.tried.size(), b.tried.size());
    for (size_t i = 0; i < a.tried.size(); ++i) {
      EXPECT_EQ(a.tried[i].gain.mean, b.tried[i].gain.mean) << i;
      EXPECT_EQ(a.tried[i].is_taken, b.tried[i].is_taken) << i;
      ASSERT_EQ(a.tried[i].tensors.size(), b.tried[i].tensors.size()) << i;
      for (size_t t = 0; t < a.tried[i].tensors.size(); ++t) {
        EXPECT_EQ(a.tried[i].tensors[t].name, b.tried[i].tensors[t].name) << i;
        EXPECT_EQ(a.tried[i].tensors[t].to, b.tried[i].tensors[t].to) << i;
      }
    }
  }

  TestFolder folder_;
  const std::string path_ = folder_.Path("out.gguf.work");
  static Planned* planned_;  // made once: a survey takes most of the time
};
Planned* RefineTest::planned_ = nullptr;

TEST_F(RefineTest, AMixThatWasChosenWronglyBecomesBetterWithinItsBytes) {
  const auto refined = Refine({.n_swaps = 25});
  ASSERT_TRUE(refined.ok()) << refined.status().message();
  const RefinedMix& mix = refined.value();
  EXPECT_EQ(mix.n_chunks, 12u);
  EXPECT_GT(mix.n_taken(), 0u);
  EXPECT_LT(mix.n_taken(), mix.tried.size());
  EXPECT_LE(mix.tried.size(), 25u);
  EXPECT_LT(mix.after.mean, mix.before.mean);
  EXPECT_NEAR(mix.gain.mean, mix.before.mean - mix.after.mean, 1e-12);
  EXPECT_LE(mix.planned.file_bytes, planned_->most_bytes);
  EXPECT_NE(mix.planned.types, planned_->start.types);
  // What was taken leads from the one mix to the other, each for a fall that is no chance.
  std::map<std::string, DType> types;
  for (size_t i = 0; i < planned_->start.types.size(); ++i) {
    types[planned_->plan->surveys()[i].name] = planned_->start.types[i];
  }
  double sum = 0;
  for (const TriedSwap& swap : mix.tried) {
    EXPECT_EQ(swap.is_taken, swap.gain.mean > 2 * swap.gain.standard_error);
    for (const auto& tensor : swap.tensors) {
      EXPECT_EQ(types[tensor.name], tensor.from) << tensor.name;
      if (swap.is_taken) types[tensor.name] = tensor.to;
    }
    if (swap.is_taken) sum += swap.gain.mean;
  }
  EXPECT_NEAR(sum, mix.gain.mean, 1e-12);
  for (size_t i = 0; i < planned_->start.types.size(); ++i) {
    EXPECT_EQ(types[planned_->plan->surveys()[i].name], mix.planned.types[i]);
  }
}

TEST_F(RefineTest, ThreadsAndRestingPlacesChangeNoFigure) {
  const auto one = Refine({.threads = 1}), three = Refine({.threads = 3});
  ASSERT_TRUE(one.ok() && three.ok());
  ASSERT_GT(one.value().n_taken(), 0u);
  ExpectSame(one.value(), three.value());
}

TEST_F(RefineTest, AsManySwapsAsTimeAllowedGiveTheSame) {
  const auto timed = Refine({.n_swaps = std::nullopt, .seconds = 100});
  ASSERT_TRUE(timed.ok()) << timed.status().message();
  ASSERT_GT(timed.value().tried.size(), 2u);
  ASSERT_LT(timed.value().tried.size(), 40u) << "the time was over, not the swaps";
  const auto counted = Refine({.n_swaps = timed.value().tried.size()});
  ASSERT_TRUE(counted.ok());
  ExpectSame(timed.value(), counted.value());
}

TEST_F(RefineTest, WorkThatIsStoppedAnywhereGoesOnToTheSame) {
  const auto whole = Refine({});
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  size_t steps = 0;
  ASSERT_TRUE(Refine({.told = [&steps](uint64_t, uint64_t) { return ++steps > 0; }}).ok());
  ASSERT_GT(steps, 50u);
  for (size_t stop = 0; stop < steps; stop += steps / 6) {
    {
      WorkFolder work = Open();
      size_t told = 0;
      const auto stopped = Refine(
          {.folder = &work, .told = [&told, stop](uint64_t, uint64_t) { return told++ < stop; }});
      ASSERT_FALSE(stopped.ok()) << stop;
      EXPECT_EQ(stopped.status().code(), ErrorCode::kCancelled);
    }
    WorkFolder work = Open();
    const auto resumed = Refine({.threads = 1, .folder = &work});
    ASSERT_TRUE(resumed.ok()) << resumed.status().message();
    ExpectSame(whole.value(), resumed.value());
    ASSERT_TRUE(work.Finish().ok());
  }
}

TEST_F(RefineTest, WhatTimeAllowedIsNotTriedFurtherWhenItGoesOn) {
  WorkFolder work = Open();
  const auto timed = Refine({.n_swaps = std::nullopt, .seconds = 80, .folder = &work});
  ASSERT_TRUE(timed.ok());
  size_t told = 0;
  const auto again = Refine({.n_swaps = std::nullopt,
                             .seconds = 200,
                             .folder = &work,
                             .told = [&told](uint64_t, uint64_t) { return ++told > 0; }});
  ASSERT_TRUE(again.ok());
  ExpectSame(timed.value(), again.value());
  EXPECT_EQ(told, 0u) << "nothing was encoded or measured";
}

TEST_F(RefineTest, LogsOfAnotherMixOrOfNoSwapsThatFollowAreForgotten) {
  const auto whole = Refine({});
  ASSERT_TRUE(whole.ok());
  {
    WorkFolder work = Open();
    ASSERT_TRUE(Refine({.n_swaps = 4, .folder = &work}).ok());
    auto log = RefineLogFromText(*work.FindText("swaps"));
    ASSERT_TRUE(log.has_value());
    ASSERT_EQ(log->swaps.size(), 5u);
    log->swaps[3].swap = {{.ladder = 0, .up = true}};
    log->swaps[3].divergence.assign(12, 0.0);
    ASSERT_TRUE(work.KeepText("swaps", RefineLogAsText(*log)).ok());
    const auto resumed = Refine({.folder = &work});
    ASSERT_TRUE(resumed.ok());
    ExpectSame(whole.value(), resumed.value());
  }
  WorkFolder work = Open();
  auto log = RefineLogFromText(*work.FindText("swaps"));
  log->start += " ";
  log->swaps.front().divergence.assign(12, 7.0);
  ASSERT_TRUE(work.KeepText("swaps", RefineLogAsText(*log)).ok());
  const auto resumed = Refine({.folder = &work});
  ASSERT_TRUE(resumed.ok());
  ExpectSame(whole.value(), resumed.value());
}

TEST_F(RefineTest, TextsThatAreTooShortAreRefusedWithTheirLength) {
  ThreadTeam team(1);
  compute::CpuCompute compute(*planned_->model.kernels, team);
  const SteadyClock clock;
  const auto refine = [&](size_t calibration, size_t text) {
    return RefineMix(*planned_->model.model, *planned_->plan, planned_->start, planned_->most_bytes,
                     std::span(planned_->calibration).first(calibration),
                     std::span(planned_->text).first(text), {.encoding = {.context = kContext}},
                     compute, {.clock = clock});
  };
  EXPECT_EQ(refine(kContext - 1, 64).status().message(),
            "the calibration text has 31 tokens, fewer than 32");
  EXPECT_EQ(refine(kContext, 15).status().message(),
            "the text for swaps has 15 tokens, fewer than 16");
  const auto little = refine(kContext, 16);
  ASSERT_TRUE(little.ok()) << little.status().message();
  EXPECT_EQ(little.value().n_taken(), 0u) << "one chunk says nothing";
}

TEST(RefineLogTest, NumbersComeBackBitForBit) {
  RefineLog log{.start = "82 bytes: Q4_K F32", .swaps = {}, .is_ended = true};
  log.swaps.push_back({.swap = {}, .divergence = {1.0 / 3, 5e-324}, .seconds = 0.1});
  log.swaps.push_back({.swap = {{.ladder = 1, .up = true}, {.ladder = 12, .up = false}},
                       .divergence = {-0.0, 1e300},
                       .seconds = 61.5});
  const std::string text = RefineLogAsText(log);
  const auto back = RefineLogFromText(text);
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->swaps.size(), 2u);
  EXPECT_EQ(back->start, log.start);
  EXPECT_TRUE(back->is_ended);
  EXPECT_EQ(back->swaps[0].divergence[0], 1.0 / 3);
  EXPECT_EQ(back->swaps[1].swap, log.swaps[1].swap);
  EXPECT_EQ(RefineLogAsText(*back), text);
  for (const char* bad :
       {"", "x\ny\n", "x\n0x1p+0 1 up\n", "x\n0x1p+0 1 left 3 0\n", "x\n0x1p+0 0 2 0x1p+0\n",
        "x\n0x1p+0 0 1 z\n", "x\n0x1p+0 99999999 0\n", "x\n0x1p+0 0 0 more\n", "x\nend\nend\n"}) {
    EXPECT_FALSE(RefineLogFromText(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace altteul::compress
