// SPDX-License-Identifier: Apache-2.0

#include "compress/scalar_block.h"

#include <algorithm>

#include "kernels/codecs/fp4.h"
#include "kernels/codecs/iq4.h"

namespace altteul::compress {
namespace {

/// kFirst, kFirst + 1, ...
template <typename T, int kFirst, size_t kCount>
constexpr std::array<T, kCount> Count() {
  std::array<T, kCount> numbers{};
  for (size_t i = 0; i < kCount; ++i) numbers[i] = static_cast<T>(kFirst + static_cast<int>(i));
  return numbers;
}

constexpr auto kLevelsFrom0 = Count<int8_t, 0, 32>();
constexpr auto kLevelsFromMinus1 = Count<int8_t, -1, 4>();
constexpr auto kLevelsFromMinus128 = Count<int8_t, -128, 256>();
constexpr int8_t kSigns[] = {-1, 1};
constexpr auto kCodes = Count<uint8_t, 0, 256>();
// Codes 15 down to 9 are the negative ones; code 8, the minus zero, is the level of code 0 again.
constexpr uint8_t kFp4Ascending[] = {15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7};

constexpr std::span<const int8_t> FromZero(size_t n) { return std::span(kLevelsFrom0).first(n); }
/// n levels around zero, one more below than above.
constexpr std::span<const int8_t> AroundZero(size_t n) {
  return std::span(kLevelsFromMinus128).subspan(128 - n / 2, n);
}

float Number(int scale) { return static_cast<float>(scale); }
float E8M0(int scale) { return kernels::HalfOfE8M0(static_cast<uint8_t>(scale)); }
float UE4M3(int scale) { return kernels::HalfOfUE4M3(static_cast<uint8_t>(scale)); }

struct Scales {
  int lowest = 1, highest = 1;
  bool has_d = true;
  float (*value)(int) = Number;
};
constexpr Scales kOne{};
constexpr Scales kSixBits{-32, 31};
constexpr Scales kE8M0{0, 252, false, E8M0};    // from 253 on the larger levels leave f32
constexpr Scales kUE4M3{0, 126, false, UE4M3};  // 127 would be NaN and is read as 0

constexpr ScalarType Row(DType type, int block_cols, int sub_cols, std::span<const int8_t> levels,
                         Scales scales, MinKind min_kind = MinKind::kNone, int min_highest = 0,
                         std::span<const uint8_t> ascending = kCodes) {
  return {.type = type,
          .block_cols = static_cast<uint16_t>(block_cols),
          .sub_cols = static_cast<uint16_t>(sub_cols),
          .levels = levels,
          .ascending = ascending.first(std::min(ascending.size(), levels.size())),
          .has_d = scales.has_d,
          .scale_lowest = scales.lowest,
          .scale_highest = scales.highest,
          .scale_value = scales.value,
          .min_kind = min_kind,
          .min_highest = min_highest};
}

constexpr std::span<const int8_t> kIq4(kernels::kIq4Values);
constexpr std::span<const int8_t> kFp4(kernels::kFp4Values);

// Ascending by type. TQ2_0 and Q2_0 both have two bits a code, but only Q2_0 has a fourth level.
constexpr std::array kTable = {
    Row(DType::kQ4_0, 32, 32, AroundZero(16), kOne),
    Row(DType::kQ4_1, 32, 32, FromZero(16), kOne, MinKind::kWhole),
    Row(DType::kQ5_0, 32, 32, AroundZero(32), kOne),
    Row(DType::kQ5_1, 32, 32, FromZero(32), kOne, MinKind::kWhole),
    Row(DType::kQ8_0, 32, 32, AroundZero(256), kOne),
    Row(DType::kQ2_K, 256, 16, FromZero(4), {0, 15}, MinKind::kSubBlock, 15),
    Row(DType::kQ3_K, 256, 16, AroundZero(8), kSixBits),
    Row(DType::kQ4_K, 256, 32, FromZero(16), {0, 63}, MinKind::kSubBlock, 63),
    Row(DType::kQ5_K, 256, 32, FromZero(32), {0, 63}, MinKind::kSubBlock, 63),
    Row(DType::kQ6_K, 256, 16, AroundZero(64), {-128, 127}),
    Row(DType::kIQ4_NL, 32, 32, kIq4, kOne),
    Row(DType::kIQ4_XS, 256, 32, kIq4, kSixBits),
    Row(DType::kTQ1_0, 256, 256, std::span(kLevelsFromMinus1).first(3), kOne),
    Row(DType::kTQ2_0, 256, 256, std::span(kLevelsFromMinus1).first(3), kOne),
    Row(DType::kMXFP4, 32, 32, kFp4, kE8M0, MinKind::kNone, 0, kFp4Ascending),
    Row(DType::kNVFP4, 64, 16, kFp4, kUE4M3, MinKind::kNone, 0, kFp4Ascending),
    Row(DType::kQ1_0, 128, 128, kSigns, kOne),
    Row(DType::kQ2_0, 64, 64, kLevelsFromMinus1, kOne),
};

}  // namespace

const ScalarType* FindScalarType(DType type) {
  for (const ScalarType& row : kTable) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

std::span<const ScalarType> AllScalarTypes() { return kTable; }

}  // namespace altteul::compress
