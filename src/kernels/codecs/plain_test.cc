// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/plain.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/codecs/half.h"

namespace altteul::kernels {
namespace {

/// The value of an IEEE binary format by its definition, in f64.
double ValueOf(uint32_t bits, int exponent_bits, int fraction_bits) {
  const uint32_t fraction = bits & ((1u << fraction_bits) - 1);
  const int exponent = static_cast<int>((bits >> fraction_bits) & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits >> (exponent_bits + fraction_bits)) & 1 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1u << fraction_bits), exponent - bias - fraction_bits);
}

TEST(HalfTest, DecodesEveryF16Code) {
  for (uint32_t code = 0; code < 65536; ++code) {
    const double expected = ValueOf(code, 5, 10);
    const float value = F16ToF32(static_cast<uint16_t>(code));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << code;
    } else {
      EXPECT_EQ(value, expected) << code;
    }
    EXPECT_EQ(std::signbit(value), (code & 0x8000) != 0) << code;
  }
}

TEST(HalfTest, DecodesEveryBf16Code) {
  for (uint32_t code = 0; code < 65536; ++code) {
    const double expected = ValueOf(code, 8, 7);
    const float value = Bf16ToF32(static_cast<uint16_t>(code));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << code;
    } else {
      EXPECT_EQ(value, expected) << code;
    }
    EXPECT_EQ(std::signbit(value), (code & 0x8000) != 0) << code;
  }
}

TEST(HalfTest, EncodingADecodedCodeGivesTheCode) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto code = static_cast<uint16_t>(i);
    const float f16 = F16ToF32(code);
    EXPECT_EQ(F32ToF16(f16), std::isnan(f16) ? code | 0x0200 : code) << i;  // NaNs become quiet
    const float bf16 = Bf16ToF32(code);
    EXPECT_EQ(F32ToBf16(bf16), std::isnan(bf16) ? code | 0x0040 : code) << i;
  }
}

/// Checks an encoder at, just below and just above the midpoint of every two neighbouring positive
/// finite codes, and the mirror images.
template <typename Encoder, typename Decoder>
void CheckMidpoints(uint16_t infinity, Encoder encode, Decoder decode) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (uint32_t code = 0; code + 1 < infinity; ++code) {
    const auto low = static_cast<uint16_t>(code);
    const auto high = static_cast<uint16_t>(code + 1);
    // Exact in f64; the f32 nearest to it is the midpoint itself, since f32 has more fraction bits.
    const auto midpoint = static_cast<float>((double{decode(low)} + double{decode(high)}) / 2);
    const uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(encode(midpoint), even) << code;
    ASSERT_EQ(encode(std::nextafterf(midpoint, 0.0f)), low) << code;
    ASSERT_EQ(encode(std::nextafterf(midpoint, kInfinity)), high) << code;
    ASSERT_EQ(encode(-midpoint), even | 0x8000) << code;
  }
}

TEST(HalfTest, RoundsF16ToNearestEven) {
  CheckMidpoints(0x7c00, F32ToF16, F16ToF32);
  EXPECT_EQ(F32ToF16(65519.996f), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(-1e30f), 0xfc00);
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::denorm_min()), 0x0000);
}

TEST(HalfTest, RoundsBf16ToNearestEven) {
  CheckMidpoints(0x7f80, F32ToBf16, Bf16ToF32);
  EXPECT_EQ(F32ToBf16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(PlainTest, RowsOfOneToFortyValuesMatchTheirConversions) {
  for (size_t n = 0; n <= 40; ++n) {
    std::vector<float> values(n);
    std::vector<double> doubles(n);
    for (size_t i = 0; i < n; ++i) {
      values[i] = 0.37f * static_cast<float>(i) - 5.0f;
      doubles[i] = 0.1 * static_cast<double>(i);
    }
    std::vector<std::byte> f16(2 * n), bf16(2 * n), f32(4 * n);
    std::vector<float> from_f16(n), from_bf16(n), from_f32(n), from_f64(n);
    EncodeF16(values.data(), n, f16.data());
    EncodeBf16(values.data(), n, bf16.data());
    EncodeF32(values.data(), n, f32.data());
    DecodeF16(f16.data(), n, from_f16.data());
    DecodeBf16(bf16.data(), n, from_bf16.data());
    DecodeF32(f32.data(), n, from_f32.data());
    DecodeF64(reinterpret_cast<const std::byte*>(doubles.data()), n, from_f64.data());
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(from_f16[i], F16ToF32(F32ToF16(values[i])));
      EXPECT_EQ(from_bf16[i], Bf16ToF32(F32ToBf16(values[i])));
      EXPECT_EQ(from_f32[i], values[i]);
      EXPECT_EQ(from_f64[i], static_cast<float>(doubles[i]));
    }
  }
}

TEST(PlainTest, F64BeyondF32BecomesInfinity) {
  const double values[2] = {1e300, -1e300};
  float out[2];
  DecodeF64(reinterpret_cast<const std::byte*>(values), 2, out);
  EXPECT_EQ(out[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(out[1], -std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace altteul::kernels
