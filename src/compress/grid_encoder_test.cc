// SPDX-License-Identifier: Apache-2.0

#include "compress/grid_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <tuple>

#include "base/random.h"
#include "compress/plain_encoder.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

constexpr size_t kCols = 1024;

float RoundedTo(DType source, float value) {
  if (source == DType::kF16) return kernels::F16ToF32(kernels::F32ToF16(value));
  if (source == DType::kBF16) return kernels::Bf16ToF32(kernels::F32ToBf16(value));
  return value;
}

std::vector<float> Decoded(DType type, const std::vector<std::byte>& blocks) {
  std::vector<float> values(kCols);
  kernels::FindCodec(type)->decode(blocks.data(), kCols, values.data());
  return values;
}

/// A row as a source of type `source` holds it after it was in blocks of `type`.
std::vector<float> RowOnGrid(DType type, DType source, float size, uint64_t number) {
  const RandomStream random(7, "rows");
  std::vector<float> row(kCols);
  for (size_t c = 0; c < kCols; ++c) row[c] = size * random.Normal(number * kCols + c);
  std::vector<std::byte> blocks(*RowBytes(type, kCols));
  PlainEncoder(type).Encode(row, blocks.data());
  row = Decoded(type, blocks);
  for (float& value : row) value = RoundedTo(source, value);
  return row;
}

class GridEncoderTest : public ::testing::TestWithParam<std::tuple<DType, DType>> {
 protected:
  DType type() const { return std::get<0>(GetParam()); }
  DType source() const { return std::get<1>(GetParam()); }
  bool Encode(const std::vector<float>& row) {
    blocks_.assign(*RowBytes(type(), kCols), std::byte{0});
    return GridEncoder(type(), source()).Encode(row, blocks_.data());
  }
  void ExpectFound(const std::vector<float>& row, const std::string& what) {
    ASSERT_TRUE(Encode(row)) << what;
    const auto values = Decoded(type(), blocks_);
    for (size_t c = 0; c < kCols; ++c) {
      ASSERT_EQ(RoundedTo(source(), values[c]), row[c]) << what << ", column " << c;
    }
  }
  std::vector<std::byte> blocks_;
};

TEST_P(GridEncoderTest, FindsWhatBlocksWereDecodedTo) {
  for (const float size : {0.02f, 3.0f, 1e-3f}) {
    for (uint64_t number = 0; number < 20; ++number) {
      ExpectFound(RowOnGrid(type(), source(), size, number),
                  "size " + std::to_string(size) + ", row " + std::to_string(number));
    }
  }
}

TEST_P(GridEncoderTest, SignsOfZerosDoNotMatter) {
  auto row = RowOnGrid(type(), source(), 0.02f, 5);
  for (size_t c = 0; c < kCols; ++c) {
    if (row[c] == 0) row[c] = c % 2 == 0 ? 0.0f : -0.0f;
  }
  ExpectFound(row, "zeros of both signs");
  ExpectFound(std::vector<float>(kCols, 0.0f), "zeros");
  ExpectFound(std::vector<float>(kCols, -0.0f), "negative zeros");
}

TEST_P(GridEncoderTest, OneValueBesideTheGridIsSeen) {
  const auto row = RowOnGrid(type(), source(), 0.02f, 3);
  for (const size_t c : {size_t{0}, kCols / 2 + 7, kCols - 1}) {
    auto moved = row;
    // Four fifths of the largest value of the block, a little off: no level of these types is near,
    // but some of Q8_0's 255 may be.
    float largest = 0;
    for (size_t i = c / 32 * 32; i < c / 32 * 32 + 32; ++i) {
      largest = std::max(largest, std::fabs(row[i]));
    }
    moved[c] = RoundedTo(source(), 0.7931f * largest);
    if (type() == DType::kQ8_0) moved[c] = RoundedTo(source(), 0.5f / 127 * largest);
    EXPECT_FALSE(Encode(moved)) << "column " << c;
  }
}

TEST_P(GridEncoderTest, OrdinaryWeightsAreOnNoGrid) {
  const RandomStream random(9, "weights");
  for (uint64_t number = 0; number < 50; ++number) {
    std::vector<float> row(kCols);
    for (size_t c = 0; c < kCols; ++c) {
      row[c] = RoundedTo(source(), 0.02f * random.Normal(number * kCols + c));
    }
    EXPECT_FALSE(Encode(row)) << number;
  }
}

// Blocks that a search made use other levels at their ends than ggml's rule does.
TEST_P(GridEncoderTest, FindsBlocksThatDoNotReachTheLastLevel) {
  const ScalarType& scalar = *FindScalarType(type());
  const RandomStream random(13, "codes");
  std::vector<float> row(kCols);
  const float d = RoundedTo(DType::kF16, 0.0137f), m = RoundedTo(DType::kF16, -0.101f);
  const size_t n = scalar.ascending.size();
  for (size_t c = 0; c < kCols; ++c) {
    const size_t inner = n > 4 ? 1 + random.Bits(c) % (n - 3) : random.Bits(c) % n;
    const float level = static_cast<float>(scalar.levels[scalar.ascending[inner]]);
    const float scale = scalar.has_d ? d : scalar.scale_value(100);
    row[c] = RoundedTo(source(), scale * level + (scalar.min_kind == MinKind::kWhole ? m : 0.0f));
  }
  ExpectFound(row, "inner levels");
}

INSTANTIATE_TEST_SUITE_P(Types, GridEncoderTest,
                         ::testing::Combine(::testing::ValuesIn(GridTypes()),
                                            ::testing::Values(DType::kF32, DType::kF16,
                                                              DType::kBF16)),
                         [](const auto& each) {
                           return std::string(TraitsOf(std::get<0>(each.param)).name) + "_in_" +
                                  std::string(TraitsOf(std::get<1>(each.param)).name);
                         });

TEST(GridTypesTest, AreThoseWhoseSubBlocksStandAlone) {
  for (const DType type : {DType::kQ4_0, DType::kQ8_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                           DType::kMXFP4, DType::kIQ4_NL, DType::kTQ2_0}) {
    EXPECT_TRUE(HasGrid(type)) << TraitsOf(type).name;
  }
  for (const DType type :
       {DType::kF16, DType::kQ4_K, DType::kQ6_K, DType::kIQ4_XS, DType::kIQ2_S}) {
    EXPECT_FALSE(HasGrid(type)) << TraitsOf(type).name;
  }
}

// Training with rounding often has signed codes from -7 to 7.
TEST(GridEncoderQ4Test, SymmetricCodesAreFound) {
  const RandomStream random(17, "codes");
  std::vector<float> row(kCols);
  for (size_t c = 0; c < kCols; ++c) {
    const auto code = static_cast<float>(static_cast<int>(random.Bits(c) % 15) - 7);
    row[c] = RoundedTo(DType::kF16, 0.0151f) * code;
  }
  std::vector<std::byte> blocks(*RowBytes(DType::kQ4_0, kCols));
  ASSERT_TRUE(GridEncoder(DType::kQ4_0, DType::kF32).Encode(row, blocks.data()));
  EXPECT_EQ(Decoded(DType::kQ4_0, blocks), row);
  std::vector<std::byte> rounded(blocks.size());
  kernels::FindCodec(DType::kQ4_0)->encode(row.data(), kCols, rounded.data());
  EXPECT_NE(Decoded(DType::kQ4_0, rounded), row) << "rounding alone would do";
}

}  // namespace
}  // namespace altteul::compress
