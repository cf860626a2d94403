// SPDX-License-Identifier: Apache-2.0

#include "compress/type_reach.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "compress/codebook_block.h"
#include "compress/plain_encoder.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

std::vector<float> Decoded(DType type, std::span<const float> row) {
  std::vector<std::byte> bytes(*RowBytes(type, row.size()));
  PlainEncoder(type).Encode(row, bytes.data());
  std::vector<float> decoded(row.size());
  kernels::FindCodec(type)->decode(bytes.data(), row.size(), decoded.data());
  return decoded;
}

TEST(TypeReachTest, FollowsFromScalesAndLevels) {
  EXPECT_EQ(ReachOf(DType::kF16).largest, 65504.0f);
  EXPECT_EQ(ReachOf(DType::kQ4_0).largest, 7 * 65504.0f);
  EXPECT_EQ(ReachOf(DType::kQ4_1).largest, 65504.0f) << "its minimum is one f16 number";
  EXPECT_EQ(ReachOf(DType::kQ2_K).largest, 15 * 65504.0f) << "its minimums";
  EXPECT_EQ(ReachOf(DType::kQ6_K).largest, 127 * 31 * 65504.0f);
  EXPECT_EQ(ReachOf(DType::kNVFP4).largest, 224 * 12.0f);
  EXPECT_EQ(ReachOf(DType::kF32).largest, std::numeric_limits<float>::max());
}

// The promise of a reach: at its two ends the largest value is still about itself.
TEST(TypeReachTest, WhatLiesWithinIsKept) {
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    if (!CanEncodePlainly(codec.type)) continue;
    const Reach reach = ReachOf(codec.type);
    // Codebooks have words with one large point, but hardly any of large points only.
    const float limit = FindCodebookType(codec.type) != nullptr ? 0.85f : 0.25f;
    for (const float largest : {reach.largest, reach.smallest}) {
      if (largest == 0) continue;
      for (const float sign : {1.0f, -1.0f}) {
        const std::vector<float> row(256, sign * largest);
        for (const float value : Decoded(codec.type, row)) {
          ASSERT_NEAR(value / largest, sign, limit)
              << TraitsOf(codec.type).name << " of " << sign * largest;
        }
      }
    }
  }
}

}  // namespace
}  // namespace altteul::compress
