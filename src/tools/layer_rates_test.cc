// SPDX-License-Identifier: Apache-2.0

#include "tools/layer_rates.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::tools {
namespace {

TEST(LayerRatesTest, EveryKindIsMeasuredAndTheHeadForFewRowsOnly) {
  engine::testing::TestModel model({});
  const std::vector<size_t> row_counts = {1, 3, 70};
  const auto rates = MeasureLayers(*model.model, model.compute, model.clock, row_counts, 3);
  ASSERT_TRUE(rates.ok()) << rates.status().message();
  std::string kinds;
  double ops = 0, bytes = 0;
  for (const LayerRate& rate : rates.value()) {
    EXPECT_GT(rate.seconds, 0.0) << rate.kind;
    EXPECT_EQ(rate.type, "F32");
    kinds += rate.kind + std::to_string(rate.n_rows) + " ";
    if (rate.n_rows != 3) continue;
    ops += rate.ops;
    bytes += rate.bytes;
  }
  EXPECT_EQ(kinds,
            "q1 k1 v1 o1 gate1 up1 down1 head1 q3 k3 v3 o3 gate3 up3 down3 head3 "
            "q70 k70 v70 o70 gate70 up70 down70 ");
  // Two blocks of 43,008 weights and a head of 16,512, all F32.
  EXPECT_EQ(ops, 3.0 * 2 * (2 * 43008 + 16512));
  EXPECT_EQ(bytes, 4.0 * (2 * 43008 + 16512));
}

}  // namespace
}  // namespace altteul::tools
