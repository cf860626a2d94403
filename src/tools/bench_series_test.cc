// SPDX-License-Identifier: Apache-2.0

#include "tools/bench_series.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"
#include "tools/series_work.h"

namespace altteul::tools {
namespace {

using engine::testing::TestModel;

/// A second passes between one question and the next.
class CountingClock : public Clock {
 public:
  double Seconds() const override { return static_cast<double>(++questions_); }

 private:
  mutable int questions_ = 0;
};

std::vector<SeriesSpec> Specs(std::initializer_list<std::string_view> names) {
  std::vector<SeriesSpec> specs;
  for (const std::string_view name : names) specs.push_back(*ParseSeriesName(name));
  return specs;
}

TEST(BenchSeriesTest, SpeedCountsTheTimedTokensOfAllSequences) {
  TestModel model({});
  const CountingClock clock;
  const auto specs =
      Specs({"pp8", "tg4", "tg4x3", "pp600@d40", "tg4@d40", "tg4x3@d40", "pp1", "tg1x600"});
  auto runner =
      SeriesRunner::Create(*model.model, model.compute, clock, specs, kernels::KvType::kF16);
  ASSERT_TRUE(runner.ok()) << runner.status().message();
  for (int run = 0; run < 3; ++run) {
    for (const SeriesSpec& spec : specs) {
      const auto speed = runner.value()->Measure(spec);
      ASSERT_TRUE(speed.ok()) << spec.Name() << ": " << speed.status().message();
      EXPECT_EQ(speed.value(), static_cast<double>(spec.tokens * spec.sequences)) << spec.Name();
    }
  }
}

TEST(BenchSeriesTest, ADepthThatNoCacheHoldsIsRefusedBeforeMeasuring) {
  TestModel model({});
  const CountingClock clock;
  std::vector<SeriesSpec> specs = Specs({"tg4"});
  specs.front().depth = size_t{1} << 33;
  EXPECT_FALSE(
      SeriesRunner::Create(*model.model, model.compute, clock, specs, kernels::KvType::kF16).ok());
}

// The test model by hand: blocks of 43,008 weights, two of them, a head of 16,512, all F32; a
// position of the f16 cache has 256 bytes a layer; attention costs 4 * 128 operations a position.
TEST(SeriesWorkTest, CountsTheModelsOwnNumbers) {
  TestModel model({});
  const auto work = [&](std::string_view name) {
    return WorkOf(*model.model, kernels::KvType::kF16, *ParseSeriesName(name));
  };
  const SeriesWork answer = work("tg4@d10");  // sees 11 + 12 + 13 + 14 positions in each layer
  EXPECT_EQ(answer.weight_bytes, 4.0 * 4 * (2 * 43008 + 16512));
  EXPECT_EQ(answer.ops, 4.0 * 2 * (2 * 43008 + 16512) + 2 * 50 * 512);
  EXPECT_EQ(answer.kv_bytes, 2.0 * 50 * 256);
  EXPECT_EQ(answer.tokens, 4.0);

  const SeriesWork prompt = work("pp8");  // 1 + ... + 8 positions, one row of logits
  EXPECT_EQ(prompt.weight_bytes, 4.0 * (2 * 43008 + 16512));
  EXPECT_EQ(prompt.ops, 2.0 * (8 * 2 * 43008 + 16512) + 2 * 36 * 512);
  EXPECT_EQ(prompt.kv_bytes, 2.0 * 8 * 256);

  const SeriesWork together = work("tg4x2");  // both begin behind 8 tokens: 9 + 10 + 11 + 12
  EXPECT_EQ(together.weight_bytes, answer.weight_bytes);
  EXPECT_EQ(together.ops, 2.0 * (4 * 2 * (2 * 43008 + 16512) + 2 * 42 * 512));
  EXPECT_EQ(together.kv_bytes, 2.0 * 2 * 42 * 256);
  EXPECT_EQ(together.tokens, 8.0);

  EXPECT_EQ(work("pp513").weight_bytes, 4.0 * (2 * 2 * 43008 + 16512));  // two passes
}

TEST(SeriesWorkTest, AWindowHidesWhatLiesBehindIt) {
  model::Model model;  // two layers without weights: WorkOf reads sizes only
  const model::AttentionPlan one = {.n_heads = 1, .n_kv_heads = 1, .key_dim = 32, .value_dim = 32};
  model.config.layers.resize(2, {.mixer = one, .feed_forward = {}});
  model.config.layers.front().attention()->window = 16;
  const SeriesWork work = WorkOf(model, kernels::KvType::kQ8_0, *ParseSeriesName("tg1@d1000"));
  EXPECT_EQ(work.kv_bytes, (16.0 + 1001) * 2 * (32 + 2));
  EXPECT_EQ(work.ops, (16.0 + 1001) * 4 * 32);
}

}  // namespace
}  // namespace altteul::tools
