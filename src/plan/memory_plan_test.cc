// SPDX-License-Identifier: Apache-2.0

#include "plan/memory_plan.h"

#include <gtest/gtest.h>

#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/test_model.h"

namespace altteul::plan {
namespace {

using engine::testing::TestModel;

class MemoryPlanTest : public ::testing::Test {
 protected:
  MemoryPlanTest()
      : weights_(
            model::PlanWeights(*model_.model->file, model_.model->config, model_.kernels).value()) {
  }
  const model::ModelConfig& config() const { return model_.model->config; }

  TestModel model_{{}};
  model::WeightPlan weights_;
};

TEST_F(MemoryPlanTest, IsWhatTheEngineThenTakes) {
  const MemoryRequest request{
      .context = 300, .slots = 3, .pass_rows = 64, .threads = model_.team.size(), .base_bytes = 7};
  const MemoryPlan plan = PlanMemory(config(), weights_, request).value();
  auto cache = engine::KvCache::Create(model_.compute, config(), request.kv, request.context,
                                       request.pass_rows);
  ASSERT_TRUE(cache.value().Reserve(request.context).ok());
  EXPECT_EQ(plan.kv, 3 * cache.value().size_bytes()) << "filled to its end";
  // Groups of 16 rows are filled up: the arena is a little larger than what rests in it.
  const model::Weights& loaded = model_.model->weights;
  EXPECT_EQ(weights_.arena_bytes, loaded.arena.size());
  EXPECT_EQ(weights_.small_bytes, loaded.small.size());
  EXPECT_EQ(plan.weights, loaded.arena.size() + loaded.small.size() + weights_.mapped_bytes);
  // Of an embedding that is no head only the rows of tokens are read.
  EXPECT_EQ(weights_.looked_up_bytes, 4u * engine::testing::kVocabulary * engine::testing::kHidden);
  EXPECT_EQ(weights_.weights.resting_bytes, loaded.resting_bytes);
  EXPECT_EQ(plan.working,
            engine::Forward::WorkingBytes(config(), model_.team.size(), 64, 300).value());
  EXPECT_EQ(plan.answering, 3 * 12 * engine::testing::kVocabulary);
  EXPECT_EQ(plan.base, 7u);
}

TEST_F(MemoryPlanTest, ThePeakIsInLoadingOrInAnswering) {
  MemoryPlan plan{
      .weights = 100, .kv = 10, .working = 20, .answering = 1, .loading = 5, .base = 1000};
  EXPECT_EQ(plan.Peak(), 1131u);
  plan.loading = 50;
  EXPECT_EQ(plan.Peak(), 1150u);
}

TEST_F(MemoryPlanTest, ASlidingWindowKeepsTheCacheSmall) {
  TestModel windowed({.window = 64});
  const auto plan = [](const TestModel& model, size_t context) {
    const auto weights = model::PlanWeights(*model.model->file, model.model->config, model.kernels);
    return PlanMemory(model.model->config, weights.value(), {.context = context, .pass_rows = 64})
        .value()
        .kv;
  };
  EXPECT_EQ(plan(model_, 4096), 8 * plan(model_, 512));
  if (windowed.model->config.layers[0].attention()->window != 0) {
    EXPECT_EQ(plan(windowed, 4096), plan(windowed, 512));
  }
}

TEST_F(MemoryPlanTest, TheLongestContextIsTheLastThatFits) {
  const MemoryRequest request{.pass_rows = 64, .base_bytes = 1000};
  MemoryRequest at_1000 = request;
  at_1000.context = 1000;
  const uint64_t bytes = PlanMemory(config(), weights_, at_1000).value().Peak();
  const size_t longest = LongestContext(config(), weights_, request, bytes, 1 << 20).value();
  EXPECT_GE(longest, 1000u);
  MemoryRequest one_more = request;
  one_more.context = longest + 1;
  EXPECT_GT(PlanMemory(config(), weights_, one_more).value().Peak(), bytes);
  EXPECT_EQ(LongestContext(config(), weights_, request, bytes, 512).value(), 512u);
  EXPECT_EQ(LongestContext(config(), weights_, request, 1000, 512).value(), 0u);
}

TEST_F(MemoryPlanTest, WhatNoMemoryHoldsIsSaid) {
  const auto code = [&](const MemoryRequest& request) {
    return PlanMemory(config(), weights_, request).status().code();
  };
  EXPECT_EQ(code({.slots = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.context = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.pass_rows = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.context = size_t{1} << 31, .slots = SIZE_MAX / 2}), ErrorCode::kOutOfMemory);
}

TEST_F(MemoryPlanTest, NothingIsReadOfTheTensors) {
  // A plan of a file whose data is not there: PlanWeights() shows into the mapping, and that is
  // all.
  EXPECT_EQ(weights_.weights.blocks.size(), config().n_layers());
  EXPECT_EQ(weights_.weights.blocks[0].q.w.rows, config().layers[0].attention()->q_width());
  EXPECT_EQ(weights_.weights.blocks[0].attn_norm, nullptr);
  EXPECT_EQ(weights_.weights.resting_bytes, model_.model->weights.resting_bytes);
  EXPECT_EQ(weights_.tensors.count("blk.1.ffn_down.weight"), 1u);
}

}  // namespace
}  // namespace altteul::plan
