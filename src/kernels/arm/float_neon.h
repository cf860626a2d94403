// SPDX-License-Identifier: Apache-2.0

// Four floats at a time, for files compiled for Armv8.2. See float_avx512.h for the meaning of each
// name and for the rule that files of one instruction set obey.

#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {
namespace {

using Vec = float32x4_t;

constexpr size_t kLanes = 4;
struct F32Cells;
using FastCells = F32Cells;  ///< what attention multiplies in, see kv_cache.inl

constexpr size_t kWidestPass = 1;  ///< groups of 16 sums that 32 registers hold for six rows

inline Vec Zero() { return vdupq_n_f32(0.0f); }
inline Vec Set1(float x) { return vdupq_n_f32(x); }
inline Vec Add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec Sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec Mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec Div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec Fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec Fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }
inline Vec Sqrt(Vec a) { return vsqrtq_f32(a); }
// Not fmin and fmax, which answer NaN whichever of the two is one.
inline Vec Min(Vec a, Vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
inline Vec Max(Vec a, Vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
inline Vec Abs(Vec a) { return vabsq_f32(a); }
inline Vec RoundToEven(Vec a) { return vrndnq_f32(a); }
inline Vec WithSignOf(Vec a, Vec b) { return vbslq_f32(vdupq_n_u32(0x80000000u), b, a); }

inline Vec Select(uint32_t lanes, Vec yes, Vec no) {
  const uint32x4_t bit = {1, 2, 4, 8};
  return vbslq_f32(vtstq_u32(vdupq_n_u32(lanes), bit), yes, no);
}
inline Vec SelectLess(Vec a, Vec b, Vec yes, Vec no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }

/// Builds 2^n from its exponent field.
inline Vec ScaleByPowerOf2(Vec a, Vec n) {
  const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
  return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

inline Vec Load(const float* p) { return vld1q_f32(p); }
inline void Store(float* p, Vec a) { vst1q_f32(p, a); }
inline Vec LoadPart(const float* p, size_t n) {
  float values[kLanes] = {};
  for (size_t i = 0; i < n; ++i) values[i] = p[i];
  return vld1q_f32(values);
}
inline void StorePart(float* p, Vec a, size_t n) {
  float values[kLanes];
  vst1q_f32(values, a);
  for (size_t i = 0; i < n; ++i) p[i] = values[i];
}

inline Vec LoadF16(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
inline void StoreF16(uint16_t* p, Vec a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); }
inline Vec LoadBf16(const uint16_t* p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
inline Vec LoadNibbles(const uint8_t* p, int shift) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
  const uint32x4_t bytes = vshlq_u32(vmovl_u16(vget_low_u16(wide)), vdupq_n_s32(-shift));
  return vcvtq_f32_u32(vandq_u32(bytes, vdupq_n_u32(15)));
}
inline void StoreS8(int8_t* p, Vec a) {
  const int16x4_t half = vmovn_s32(vcvtnq_s32_f32(a));
  const int8x8_t codes = vmovn_s16(vcombine_s16(half, half));
  const int32_t four = vget_lane_s32(vreinterpret_s32_s8(codes), 0);
  __builtin_memcpy(p, &four, sizeof four);
}

inline Vec LoadTwice(const float* p) {
  const float32x2_t two = vld1_f32(p);
  return vzip1q_f32(vcombine_f32(two, two), vcombine_f32(two, two));
}
inline Vec LoadTwicePart(const float* p, size_t n) {
  const Vec part = LoadPart(p, n);
  return vzip1q_f32(part, part);
}
inline Vec SwapNeighbours(Vec a) { return vrev64q_f32(a); }
inline Vec NegateEven(Vec a) {
  const uint32x4_t even = {0x80000000u, 0, 0x80000000u, 0};
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), even));
}

inline float FirstLane(Vec a) { return vgetq_lane_f32(a, 0); }

inline Vec MaxOfLanes(Vec a) { return vdupq_n_f32(vmaxvq_f32(a)); }
inline Vec SumOfLanes(Vec a) {
  a = vaddq_f32(a, vextq_f32(a, a, 2));
  return vaddq_f32(a, vrev64q_f32(a));
}

// --- products of bytes, see attention_q8.inl ----------------------------------------------------

using Ints = int32x4_t;

inline Ints SetInts(int32_t x) { return vdupq_n_s32(x); }
inline Ints LoadInts(const void* p) {
  return vreinterpretq_s32_s8(vld1q_s8(static_cast<const int8_t*>(p)));
}
inline int32_t FourBytes(const void* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return four;
}
inline Vec ToFloat(Ints a) { return vcvtq_f32_s32(a); }

constexpr int32_t kKeyBias = 0;

inline Ints DotKeys(Ints keys, Ints query, Ints sum) {
  return vdotq_s32(sum, vreinterpretq_s8_s32(keys), vreinterpretq_s8_s32(query));
}

inline void StoreWeights(const Vec* x, std::byte* weights) {
  auto* high = reinterpret_cast<uint8_t*>(weights);
  for (size_t i = 0; i < 64; i += 8, x += 2) {
    const uint16x8_t words = vreinterpretq_u16_s16(
        vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x[0])), vmovn_s32(vcvtnq_s32_f32(x[1]))));
    vst1_u8(high + i, vmovn_u16(vshrq_n_u16(words, 7)));
    vst1_u8(high + 64 + i, vmovn_u16(vandq_u16(words, vdupq_n_u16(127))));
  }
}
struct FourWeights {
  Ints high;
  Ints low;
  FourWeights(const std::byte* weights, size_t four)
      : high(SetInts(FourBytes(weights + four * 4))),
        low(SetInts(FourBytes(weights + four * 4 + 64))) {}
};
inline void AddValues(const FourWeights& weights, const std::byte* values, Ints sums[2]) {
  const Ints codes = LoadInts(values);
  sums[0] = DotKeys(weights.high, codes, sums[0]);
  sums[1] = DotKeys(weights.low, codes, sums[1]);
}
inline Vec JoinSums(const Ints sums[2]) {
  return ToFloat(vaddq_s32(vshlq_n_s32(sums[0], 7), sums[1]));
}

inline float F16ScalarToF32(uint16_t half) {
  __fp16 value;
  __builtin_memcpy(&value, &half, sizeof value);
  return value;
}
inline uint16_t F32ScalarToF16(float x) {
  const __fp16 value = static_cast<__fp16>(x);
  uint16_t half;
  __builtin_memcpy(&half, &value, sizeof half);
  return half;
}

/// The rounding of kernels/codecs/half.h.
inline uint16_t F32ScalarToBf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace
}  // namespace altteul::kernels
