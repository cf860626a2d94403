// SPDX-License-Identifier: Apache-2.0

#include "plan/speed_plan.h"

#include <gtest/gtest.h>

#include "base/checked_math.h"
#include "engine/pass_work.h"
#include "kernels/codecs/codec.h"
#include "model/family.h"
#include "plan/hollow_model.h"
#include "plan/size_advice.h"

namespace altteul::plan {
namespace {

/// A machine of round figures: 10 GB/s, and 100 GOP/s for every type.
MachineRates RoundRates() {
  MachineRates rates;
  rates.threads = 2;
  rates.read_bytes_per_s = 20e9;
  rates.peaks = {.int8_ops_per_s = 400e9, .bf16_flops = 0, .f32_flops = 100e9};
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    rates.types.push_back({.type = codec.type, .bytes_per_s = 10e9, .ops_per_s = 200e9});
  }
  rates.attention.push_back(
      {.kv = kernels::KvType::kF16, .head_dim = 128, .bytes_per_s = 10e9, .ops_per_s = 50e9});
  rates.spread = 1.1;
  return rates;
}

class SpeedPlanTest : public ::testing::Test {
 protected:
  SpeedPlanTest() {
    file_ = OpenShape("llama-2-7b:Q8_0").value();
    config_ = model::ReadConfig(*file_).value();
    const kernels::KernelTable* kernels = kernels::SelectKernels("reference", {}).value();
    weights_ = model::PlanWeights(*file_, config_, kernels).value();
  }
  SpeedPlan Plan(const MachineRates& rates, const SpeedRequest& request) const {
    return PlanSpeed(config_, weights_.weights, rates, request);
  }

  std::unique_ptr<const model::Checkpoint> file_;
  model::ModelConfig config_;
  model::WeightPlan weights_;
};

TEST_F(SpeedPlanTest, AnAnswerReadsAllWeightsOnce) {
  const SpeedPlan plan = Plan(RoundRates(), {.prompt_tokens = 1, .answer_tokens = 2});
  // 6.6 G weights behind the embedding, in 34 bytes for 32.
  const double bytes = (6'738'415'616.0 - 32000.0 * 4096) * 34 / 32;
  EXPECT_NEAR(plan.answer.likely, 10e9 / bytes, 0.01 * 10e9 / bytes);
  EXPECT_NEAR(plan.answer.roofline, 20e9 / bytes, 0.01 * 20e9 / bytes);
}

TEST_F(SpeedPlanTest, APromptIsBoundByArithmetic) {
  const SpeedPlan plan = Plan(RoundRates(), {.prompt_tokens = 512});
  const double ops = 2 * (6'738'415'616.0 - 2 * 32000.0 * 4096);  // the head sees one row
  EXPECT_NEAR(plan.prompt.likely, 200e9 / ops, 0.05 * 200e9 / ops);
}

TEST_F(SpeedPlanTest, NothingIsAboveTheRoofline) {
  MachineRates fast = RoundRates();
  for (TypeRate& rate : fast.types) rate = {rate.type, 1e15, 1e18};
  const SpeedPlan plan = Plan(fast, {});
  for (const SpeedRange& range : {plan.prompt, plan.answer}) {
    EXPECT_LE(range.likely, range.roofline);
    EXPECT_LE(range.highest, range.roofline);
    EXPECT_LE(range.lowest, range.likely);
  }
}

TEST_F(SpeedPlanTest, ALongContextCostsTheAnswerTime) {
  const SpeedPlan near = Plan(RoundRates(), {.prompt_tokens = 10});
  const SpeedPlan far = Plan(RoundRates(), {.prompt_tokens = 4000});
  // 4,000 positions of 32 layers x 32 heads x 128 x 2 x 2 bytes are 2.1 GB beside 7 GB of weights.
  EXPECT_NEAR(near.answer.likely / far.answer.likely, 1.3, 0.03);
}

TEST_F(SpeedPlanTest, ConversationsTogetherShareTheWeights) {
  const SpeedPlan one = Plan(RoundRates(), {.prompt_tokens = 10});
  const SpeedPlan four = Plan(RoundRates(), {.prompt_tokens = 10, .slots = 4});
  EXPECT_GT(four.answer.likely, 3.5 * one.answer.likely);
  EXPECT_LE(four.answer.likely, 4.01 * one.answer.likely);
}

TEST_F(SpeedPlanTest, AnotherMachineScales) {
  const MachineRates rates = RoundRates();
  const MachineRates twice = ScaledRates(rates, 40e9, 800e9, 4);
  const SpeedPlan a = Plan(rates, {}), b = Plan(twice, {});
  EXPECT_NEAR(b.answer.likely / a.answer.likely, 2.0, 0.02);
  EXPECT_NEAR(b.prompt.likely / a.prompt.likely, 2.0, 0.02);
  // Twice the bandwidth without arithmetic for it: an answer is bound by what grew less.
  const SpeedPlan c = Plan(ScaledRates(rates, 40e9, 400e9, 2), {});
  EXPECT_LE(c.answer.likely, b.answer.likely);
  EXPECT_NEAR(c.prompt.likely / a.prompt.likely, 1.0, 0.05);
}

TEST_F(SpeedPlanTest, RatesComeBackFromTheirFile) {
  const MachineRates rates = RoundRates();
  const std::string json = MachineRatesToJson(rates);
  const auto back = ParseMachineRates(json, "machine.json");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(MachineRatesToJson(back.value()), json);
  for (size_t length = 0; length + 2 < json.size(); length += 7) {
    EXPECT_FALSE(ParseMachineRates(json.substr(0, length), "machine.json").ok()) << length;
  }
  std::string wrong = json;
  wrong.replace(wrong.find("20000000000.0"), 13, "-2000000000.0");
  EXPECT_EQ(ParseMachineRates(wrong, "m").status().code(), ErrorCode::kCorruptFile);
}

TEST_F(SpeedPlanTest, SmallerSizesAreAdvised) {
  const MemoryPlan memory = PlanMemory(config_, weights_, {}).value();
  const auto advice = AdviseSizes(weights_, memory, file_->file_bytes());
  ASSERT_GE(advice.size(), 5u);
  EXPECT_EQ(advice.front().name, "Q6_K") << "the model has Q8_0 already";
  for (size_t i = 0; i < advice.size(); ++i) {
    EXPECT_LT(advice[i].file_bytes, file_->file_bytes());
    EXPECT_EQ(memory.Peak() - advice[i].peak_bytes, memory.weights - (advice[i].file_bytes));
    if (i > 0) {
      EXPECT_GT(advice[i].kl, advice[i - 1].kl);
    }
  }
}

TEST_F(SpeedPlanTest, AFrontOfThisModelIsBetterThanATable) {
  std::string text = R"({"front":[)";
  for (int i = 0; i < 40; ++i) {
    text += std::string(i == 0 ? "" : ",") + R"({"bytes":)" + std::to_string(2'000'000'000 + i) +
            R"(,"kld_expected":)" + std::to_string(1.0 / (i + 1)) + "}";
  }
  const auto front = ParseFront(text + "]}", "front.json");
  ASSERT_TRUE(front.ok()) << front.status().message();
  const MemoryPlan memory = PlanMemory(config_, weights_, {}).value();
  const auto advice = AdviseFront(weights_, memory, front.value());
  ASSERT_EQ(advice.size(), 10u);
  EXPECT_EQ(advice.front().file_bytes, 2'000'000'039u);
  EXPECT_EQ(advice.back().file_bytes, 2'000'000'000u);
  EXPECT_EQ(advice.back().kl, 1.0);
  EXPECT_EQ(AdviseFront(weights_, memory, std::span(front.value()).first(1)).size(), 1u);
  for (const char* bad : {"", "{", "[]", R"({"front":3})", R"({"front":[]})", R"({"front":[1]})",
                          R"({"front":[{"bytes":-1,"kld_expected":0}]})",
                          R"({"front":[{"bytes":1,"kld_expected":-1}]})"}) {
    EXPECT_EQ(ParseFront(bad, "f").status().code(), ErrorCode::kCorruptFile) << bad;
  }
}

}  // namespace
}  // namespace altteul::plan
