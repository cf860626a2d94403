// SPDX-License-Identifier: Apache-2.0

#include "plan/study_plan.h"

#include <gtest/gtest.h>

#include "kernels/codecs/codec.h"
#include "model/family.h"
#include "plan/hollow_model.h"

namespace altteul::plan {
namespace {

class StudyPlanTest : public ::testing::Test {
 protected:
  StudyPlanTest() {
    file_ = OpenShape("llama-2-7b:Q8_0").value();
    config_ = model::ReadConfig(*file_).value();
    const kernels::KernelTable* kernels = kernels::SelectKernels("reference", {}).value();
    weights_ = model::PlanWeights(*file_, config_, kernels).value();
    memory_ = PlanMemory(config_, weights_, {.threads = 2, .base_bytes = 11}).value();
    for (const kernels::Codec& codec : kernels::AllCodecs()) {
      rates_.types.push_back({.type = codec.type, .bytes_per_s = 10e9, .ops_per_s = 400e9});
      if (codec.type == DType::kF32) rates_.types.back().ops_per_s = 100e9;
    }
    rates_.attention.push_back(
        {.kv = kernels::KvType::kF16, .head_dim = 128, .bytes_per_s = 10e9, .ops_per_s = 50e9});
    rates_.read_bytes_per_s = 20e9;
    rates_.spread = 1.2;
  }
  Result<StudyPlan> Plan(const StudyRequest& request) const {
    return PlanStudy(config_, weights_.weights, memory_, 2, rates_, request);
  }

  std::unique_ptr<const model::Checkpoint> file_;
  model::ModelConfig config_;
  model::WeightPlan weights_;
  MemoryPlan memory_;
  MachineRates rates_;
};

TEST_F(StudyPlanTest, ValuesOfAnAdapterAreCountedByHand) {
  // Llama-2-7B: 32 layers of 4096; q, k, v, o are square, the feed-forward is 11008 wide.
  const uint64_t attention = 32ull * 16 * 4 * (4096 + 4096);
  const uint64_t mlp = 32ull * 16 * 3 * (4096 + 11008);
  EXPECT_EQ(AdapterValues(weights_.weights, 16, AdapterTargets::kAttention), attention);
  EXPECT_EQ(AdapterValues(weights_.weights, 16, AdapterTargets::kMlp), mlp);
  ASSERT_EQ(attention + mlp, 39'976'960u);
  EXPECT_EQ(AdapterValues(weights_.weights, 16, AdapterTargets::kAllLinear), 39'976'960u);
}

TEST_F(StudyPlanTest, TrialsTogetherShareTheWeights) {
  const StudyMemory one = Plan({.together = 1}).value().memory;
  const StudyMemory eight = Plan({.together = 8}).value().memory;
  EXPECT_EQ(one.weights, memory_.weights);
  EXPECT_EQ(one.adapters, 4u * 39'976'960);
  EXPECT_EQ(one.base, 11u);
  // Adapter, gradient and two moments of the seven more.
  EXPECT_EQ(eight.Peak() - one.Peak(), 7ull * 16 * 39'976'960);
}

TEST_F(StudyPlanTest, EveryLayerKeepsItsInput) {
  const StudyMemory near = Plan({.sequence = 1024}).value().memory;
  const StudyMemory far = Plan({.sequence = 2048}).value().memory;
  EXPECT_GT(near.activations, 32ull * 1024 * 4096 * 4);
  EXPECT_GT(far.activations - near.activations, 32ull * 1024 * 4096 * 4);
}

TEST_F(StudyPlanTest, AStepIsThreeProductsATokenInF32) {
  const StudyPlan plan = Plan({.rank = 1, .sequence = 1, .step_tokens = 1000}).value();
  const double head = 32000.0 * 4096, layers = 6'738'415'616.0 - 2 * head;
  const double seconds = 1000 * 2 * (3 * layers + 2 * head) / 100e9;
  EXPECT_NEAR(plan.step_seconds, seconds, 0.01 * seconds);
  EXPECT_NEAR(plan.most_step_seconds / plan.step_seconds, 1.5 * 1.2, 1e-9);
  EXPECT_NEAR(plan.step_seconds / plan.least_step_seconds, 1.5 * 1.2, 1e-9);
}

TEST_F(StudyPlanTest, LongExamplesCostAttention) {
  const double near = Plan({.sequence = 16}).value().step_seconds;
  const double far = Plan({.sequence = 4096}).value().step_seconds;
  // A token sees 2,048 more positions in the mean: 4.5 passes of 4 x 4096 operations in 32 layers.
  const double attention = 2048 * 4.5 * 2040 * 4 * 4096 * 32 / 50e9;
  EXPECT_NEAR(far - near, attention, 0.01 * attention);
}

TEST_F(StudyPlanTest, TheBudgetBuysTrialsAndMoreWhenTheWorseStop) {
  const StudyPlan plan = Plan({.step_tokens = 2000,
                               .data_tokens = 1e6,
                               .epochs = 2.0005,
                               .hours = 10,
                               .step_seconds = 3})
                             .value();
  EXPECT_EQ(plan.steps, 1001);  // the last one is begun
  EXPECT_EQ(plan.trial_seconds, 3003);
  EXPECT_EQ(plan.trials, 11);
  // 27 begun cost 27/9 + 9 x 2/9 + 3 x 2/3 = 7 whole ones.
  EXPECT_NEAR(CostOfTrialBegun(), 7.0 / 27, 1e-12);
  EXPECT_EQ(plan.trials_if_stopped, 46);
  EXPECT_NEAR(plan.most_step_seconds, 3.6, 1e-9);
  EXPECT_FALSE(Plan({}).value().trials);
}

TEST_F(StudyPlanTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(Plan({.rank = 0}).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Plan({.together = 0}).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Plan({.data_tokens = 0}).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Plan({.together = size_t{1} << 40}).status().code(), ErrorCode::kOutOfMemory);
  EXPECT_EQ(ParseAdapterTargets("heads").status().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace altteul::plan
