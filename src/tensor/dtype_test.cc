// SPDX-License-Identifier: Apache-2.0

#include "tensor/dtype.h"

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(DTypeTest, EveryRowIsFoundByIdAndByName) {
  uint32_t last = 0;
  for (const DTypeTraits& row : AllDTypes()) {
    const auto id = static_cast<uint32_t>(row.type);
    EXPECT_TRUE(last < id || id == 0) << row.name << " is out of order";
    last = id;
    EXPECT_EQ(DTypeFromId(id), row.type);
    EXPECT_EQ(DTypeFromName(row.name), row.type);
    EXPECT_EQ(&TraitsOf(row.type), &row);
  }
  EXPECT_EQ(DTypeFromName("q4_k"), DType::kQ4_K);
}

TEST(DTypeTest, RefusesRemovedAndUnknownIds) {
  for (const uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0xFFFFFFFFu}) {
    EXPECT_FALSE(DTypeFromId(id).has_value()) << id;
  }
  EXPECT_FALSE(DTypeFromName("Q4_").has_value());
}

TEST(DTypeTest, RowBytesWantsWholeBlocks) {
  EXPECT_EQ(RowBytes(DType::kQ4_0, 576), 18u * 18u);
  EXPECT_FALSE(RowBytes(DType::kQ4_K, 576).has_value());
  EXPECT_FALSE(RowBytes(DType::kF32, uint64_t{1} << 62).has_value());
}

}  // namespace
}  // namespace altteul
