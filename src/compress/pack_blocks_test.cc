// SPDX-License-Identifier: Apache-2.0

#include "compress/pack_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

constexpr float kLargestF16 = 65504.0f;
constexpr float kSmallestF16 = 0x1p-24f;

class PackBlocksTest : public ::testing::TestWithParam<ScalarType> {
 protected:
  const ScalarType& type() const { return GetParam(); }

  int Random(int lowest, int highest) {
    return std::uniform_int_distribution<int>(lowest, highest)(rng_);
  }
  /// Any finite f16 number.
  float RandomF16() {
    const int magnitude = Random(0, 0x7bff);
    return kernels::F16ToF32(static_cast<uint16_t>(magnitude | Random(0, 1) << 15));
  }
  BlockFields RandomFields() {
    BlockFields block;
    if (type().has_d) block.d = RandomF16();
    if (type().min_kind != MinKind::kNone) block.dmin = RandomF16();
    for (size_t s = 0; s < type().n_subs(); ++s) {
      block.scale[s] = static_cast<int16_t>(Random(type().scale_lowest, type().scale_highest));
      block.min[s] = static_cast<uint8_t>(Random(0, type().min_highest));
    }
    const int last = static_cast<int>(type().levels.size()) - 1;
    for (size_t j = 0; j < type().block_cols; ++j) {
      block.code[j] = static_cast<uint8_t>(Random(0, last));
    }
    return block;
  }
  void ExpectDecodesToItsValues(const BlockFields& block, const std::string& what) {
    ASSERT_TRUE(Fits(type(), block)) << what;
    constexpr std::byte kCanary{0xa5};
    const size_t n_bytes = TraitsOf(type().type).block_bytes;
    std::vector<std::byte> bytes(n_bytes + 1, kCanary);
    Pack(type().type, block, bytes.data());
    EXPECT_EQ(bytes[n_bytes], kCanary) << "wrote past the block: " << what;
    std::vector<float> values(type().block_cols);
    kernels::FindCodec(type().type)->decode(bytes.data(), values.size(), values.data());
    for (size_t j = 0; j < values.size(); ++j) {
      const float expected = Value(type(), block, j);
      ASSERT_EQ(std::bit_cast<uint32_t>(values[j]), std::bit_cast<uint32_t>(expected))
          << what << ", weight " << j << ": decoded " << values[j] << " instead of " << expected;
    }
  }

 private:
  std::mt19937 rng_{20250611};
};

TEST_P(PackBlocksTest, RandomFieldsDecodeToTheirValuesToTheBit) {
  for (int i = 0; i < 500; ++i) {
    ExpectDecodesToItsValues(RandomFields(), "block " + std::to_string(i));
  }
}

TEST_P(PackBlocksTest, EveryCodeDecodesAtEveryWeight) {
  const size_t n_codes = type().levels.size();
  for (size_t c = 0; c < n_codes; ++c) {
    BlockFields block = RandomFields();
    for (size_t j = 0; j < type().block_cols; ++j) {
      block.code[j] = static_cast<uint8_t>((c + j) % n_codes);
    }
    ExpectDecodesToItsValues(block, "codes from " + std::to_string(c));
  }
}

TEST_P(PackBlocksTest, EveryScaleAndMinimumDecodesInEverySubBlock) {
  const int n_scales = type().scale_highest - type().scale_lowest + 1;
  for (int i = 0; i < std::max(n_scales, type().min_highest + 1); ++i) {
    BlockFields block = RandomFields();
    for (int s = 0; s < static_cast<int>(type().n_subs()); ++s) {
      const auto at = static_cast<size_t>(s);
      block.scale[at] = static_cast<int16_t>(type().scale_lowest + (i + s) % n_scales);
      block.min[at] = static_cast<uint8_t>((i + 3 * s) % (type().min_highest + 1));
    }
    ExpectDecodesToItsValues(block, "scales from " + std::to_string(i));
  }
}

TEST_P(PackBlocksTest, ExtremesDecodeToTheirValues) {
  const std::vector<float> factors = {0.0f, -0.0f, kSmallestF16, kLargestF16, -kLargestF16};
  for (const float d : type().has_d ? factors : std::vector<float>{1.0f}) {
    for (const float dmin : factors) {
      for (const bool highest : {false, true}) {
        BlockFields block;
        block.d = d;
        if (type().min_kind != MinKind::kNone) block.dmin = dmin;
        block.scale.fill(
            static_cast<int16_t>(highest ? type().scale_highest : type().scale_lowest));
        block.min.fill(static_cast<uint8_t>(highest ? type().min_highest : 0));
        for (const size_t code : {size_t{0}, type().levels.size() - 1}) {
          block.code.fill(static_cast<uint8_t>(code));
          ExpectDecodesToItsValues(block, "d " + std::to_string(d) + ", dmin " +
                                              std::to_string(dmin) + ", code " +
                                              std::to_string(code));
          for (size_t j = 0; j < type().block_cols; ++j) {
            EXPECT_TRUE(std::isfinite(Value(type(), block, j))) << "weight " << j;
          }
        }
      }
    }
  }
}

TEST_P(PackBlocksTest, TheRowAgreesWithTheElementType) {
  EXPECT_EQ(type().block_cols, TraitsOf(type().type).block_elements);
  EXPECT_EQ(type().block_cols % type().sub_cols, 0);
  EXPECT_LE(type().n_subs(), BlockFields{}.scale.size());
  EXPECT_LE(type().levels.size(), 256u);
  ASSERT_FALSE(type().ascending.empty());
  for (size_t i = 1; i < type().ascending.size(); ++i) {
    EXPECT_LT(type().levels[type().ascending[i - 1]], type().levels[type().ascending[i]]) << i;
  }
  for (const int8_t level : type().levels) {
    const bool listed =
        std::any_of(type().ascending.begin(), type().ascending.end(),
                    [&](const uint8_t code) { return type().levels[code] == level; });
    EXPECT_TRUE(listed) << "level " << int{level};
  }
}

TEST_P(PackBlocksTest, FieldsThatDoNotFitAreSeen) {
  const BlockFields good = RandomFields();
  ASSERT_TRUE(Fits(type(), good));
  const size_t last_sub = type().n_subs() - 1;
  BlockFields block = good;
  for (const float bad : {1.0f + 0x1p-11f, 65536.0f, 0x1p-25f, std::nanf("")}) {
    block = good;
    block.d = bad;
    EXPECT_FALSE(Fits(type(), block)) << "d " << bad;
    block = good;
    block.dmin = bad;
    EXPECT_EQ(Fits(type(), block), type().min_kind == MinKind::kNone) << "dmin " << bad;
  }
  for (const int bad : {type().scale_lowest - 1, type().scale_highest + 1}) {
    block = good;
    block.scale[last_sub] = static_cast<int16_t>(bad);
    EXPECT_FALSE(Fits(type(), block)) << "scale " << bad;
  }
  if (type().min_kind == MinKind::kSubBlock) {
    block = good;
    block.min[last_sub] = static_cast<uint8_t>(type().min_highest + 1);
    EXPECT_FALSE(Fits(type(), block));
  }
  if (type().levels.size() < 256) {
    block = good;
    block.code[type().block_cols - 1u] = static_cast<uint8_t>(type().levels.size());
    EXPECT_FALSE(Fits(type(), block));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, PackBlocksTest,
                         ::testing::ValuesIn(AllScalarTypes().begin(), AllScalarTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

TEST(ScalarTypesTest, AreInOrderAndOnlyThoseThatRoundEachWeight) {
  for (size_t i = 1; i < AllScalarTypes().size(); ++i) {
    EXPECT_LT(AllScalarTypes()[i - 1].type, AllScalarTypes()[i].type);
  }
  for (const DType type :
       {DType::kF32, DType::kBF16, DType::kIQ2_XS, DType::kIQ1_M, DType::kQ8_K}) {
    EXPECT_EQ(FindScalarType(type), nullptr) << TraitsOf(type).name;
  }
}

}  // namespace
}  // namespace altteul::compress
