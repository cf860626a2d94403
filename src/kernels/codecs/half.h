// SPDX-License-Identifier: Apache-2.0

// The two 16-bit floats of model files, in plain integer arithmetic that compilers vectorise.
//
//   F16   IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits
//   BF16  the upper half of an f32: 1 sign, 8 exponent, 7 fraction bits
// Conversions to 16 bits round to nearest, ties to even, whatever the thread's FTZ and DAZ flags.

#pragma once

#include <bit>
#include <cstdint>

namespace altteul::kernels {

/// `condition` ? yes : no without a branch. A plain conditional around float arithmetic keeps
/// compilers from vectorising, because arithmetic on the side not taken might trap.
inline uint32_t SelectBits(bool condition, uint32_t yes, uint32_t no) {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

/// Exact. NaNs keep their payload.
inline float F16ToF32(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const int32_t magnitude = half & 0x7fff;
  // Exponent bias 15 -> 127; infinity and NaN need the same step once more to reach 255.
  const uint32_t rebias = SelectBits(magnitude >= 0x7c00, 224u << 23, 112u << 23);
  const uint32_t normal = (static_cast<uint32_t>(magnitude) << 13) + rebias;
  // Subnormals are multiples of 2^-24; the integer conversion never meets an f32 subnormal.
  const auto subnormal = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  return std::bit_cast<float>(sign | SelectBits(magnitude < 0x400, subnormal, normal));
}

/// Round to nearest even; from 65520 on infinity, up to 2^-25 zero. NaNs become quiet.
inline uint16_t F32ToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const auto order = static_cast<int32_t>(magnitude);  // signed compares are the vector ones
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
  // Below 2^-14 codes count 2^-24, the unit in the last place of 0.5: the addition rounds.
  const auto shifted = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f);
  const uint32_t quiet_nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  uint32_t half = SelectBits(order < 0x38800000, shifted - 0x3f000000u, normal);
  half = SelectBits(order >= 0x477ff000, 0x7c00u, half);
  half = SelectBits(order > 0x7f800000, quiet_nan, half);
  return static_cast<uint16_t>(sign | half);
}

inline constexpr float kLargestF16 = 65504.0f;
inline constexpr float kLargestBf16 = 0x1.fep127f;

/// `value` held to [-limit, limit]; NaN stays.
inline float HeldTo(float limit, float value) {
  const float below = value > limit ? limit : value;
  return below < -limit ? -limit : below;
}

/// As F32ToF16(), but what lies beyond the largest number becomes that and not infinity: a block's
/// scale must be a number.
inline uint16_t F32ToFiniteF16(float value) { return F32ToF16(HeldTo(kLargestF16, value)); }

/// Exact.
inline float Bf16ToF32(uint16_t bf16) {
  return std::bit_cast<float>(static_cast<uint32_t>(bf16) << 16);
}

/// Round to nearest even. NaNs become quiet.
inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x40u;
  const bool is_nan = static_cast<int32_t>(bits & 0x7fffffffu) > 0x7f800000;
  return static_cast<uint16_t>(SelectBits(is_nan, quiet_nan, rounded));
}

/// As F32ToBf16(), but never infinity.
inline uint16_t F32ToFiniteBf16(float value) { return F32ToBf16(HeldTo(kLargestBf16, value)); }

}  // namespace altteul::kernels
