// SPDX-License-Identifier: Apache-2.0

#include "kernels/attention.h"

#include <gtest/gtest.h>

#include "kernels/attention_scratch.h"

namespace altteul::kernels {
namespace {

TEST(KvTypeNameTest, NamesEveryType) {
  EXPECT_EQ(KvTypeName(KvType::kF32), "f32");
  EXPECT_EQ(KvTypeName(KvType::kF16), "f16");
  EXPECT_EQ(KvTypeName(KvType::kQ8_0), "q8_0");
  EXPECT_EQ(KvTypeName(KvType::kQ4_0), "q4_0");
}

TEST(KvLayoutTest, PartsOfAPageFollowEachOtherWithoutGaps) {
  const KvLayout q8{.type = KvType::kQ8_0, .n_kv_heads = 3, .head_dim = 96};
  EXPECT_EQ(q8.v_offset(), 3u * 96 * 64);
  EXPECT_EQ(q8.k_scale_offset(), 2u * 3 * 96 * 64);
  EXPECT_EQ(q8.v_scale_offset() - q8.k_scale_offset(), 3u * 3 * 64 * 2);
  EXPECT_EQ(q8.page_bytes(), 2u * 3 * 64 * (96 + 3 * 2));

  const KvLayout q4{.type = KvType::kQ4_0, .n_kv_heads = 3, .head_dim = 96};
  EXPECT_EQ(q4.v_offset(), 3u * 48 * 64);
  EXPECT_EQ(q4.page_bytes(), 2u * 3 * 64 * (48 + 3 * 2));

  const KvLayout f16{.type = KvType::kF16, .n_kv_heads = 3, .head_dim = 96};
  EXPECT_EQ(f16.page_bytes(), 2u * 3 * 96 * 64 * 2);
}

TEST(AttentionScratchTest, HoldsEveryPartOfTheFastKernels) {
  for (const size_t head_dim : {1, 20, 64, 80, 256, 512}) {
    const ScratchPlan plan = PlanScratch(head_dim);
    EXPECT_GE(plan.padded, head_dim);
    EXPECT_EQ(plan.padded % 16, 0u);
    EXPECT_EQ(plan.values, kKeyTile * head_dim);
    EXPECT_EQ(plan.n_floats, plan.softmax + 4 * kBlockRows);
    EXPECT_GE(AttentionScratchBytes(head_dim), plan.n_floats * sizeof(float) + 64);
  }
}

}  // namespace
}  // namespace altteul::kernels
