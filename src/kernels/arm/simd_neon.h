// SPDX-License-Identifier: Apache-2.0

// The vectors of Armv8.2 with dot products (sdot) under the names of simd_avx512.h: 16 rows are
// four registers.

#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#define ALT_SIMD_INLINE inline __attribute__((always_inline))
#define ALT_SIMD_NOINLINE __attribute__((noinline))

namespace altteul::kernels {
namespace {

struct F32x16 {
  float32x4_t v[4];  // rows 0..3, 4..7, 8..11, 12..15; so in all of these
};
struct I32x16 {
  int32x4_t v[4];
};
struct Bytes64 {
  uint8x16_t v[4];
};

// Tokens that share one pass over the weights: for 8 rows at a time 4 x 2 integer sums, the codes
// and one activation, beside 4 x 4 sums in f32: 27 of the 32 registers. Floats: 6 x 4 sums, 4 of
// weights and one activation, 29.
constexpr int kMaxTokensP8 = 4;
// Panels take one group for the same reason: 2 x 2 reads as often as 1 x 4 and holds 2 more.
constexpr size_t kPanelGroups = 1;
constexpr int PanelTileTokens(int /*groups*/) { return kMaxTokensP8; }
constexpr int kMaxTokensFloat = 6;

/// {f(0), f(1), f(2), f(3)}
template <class Vectors, class F>
ALT_SIMD_INLINE Vectors Four(const F& f) {
  return {{f(0), f(1), f(2), f(3)}};
}

// ---- f32 ----

ALT_SIMD_INLINE F32x16 SetF32(float x) {
  const float32x4_t v = vdupq_n_f32(x);
  return {{v, v, v, v}};
}
ALT_SIMD_INLINE F32x16 ZeroF32() { return SetF32(0.0f); }
ALT_SIMD_INLINE F32x16 LoadF32(const float* p) {
  return Four<F32x16>([&](int i) { return vld1q_f32(p + 4 * i); });
}
ALT_SIMD_INLINE void StoreFirst8(F32x16 a, float* p) {
  for (int i = 0; i < 2; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
ALT_SIMD_INLINE void StoreF32(F32x16 a, float* p) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
ALT_SIMD_INLINE F32x16 Add(F32x16 a, F32x16 b) {
  return Four<F32x16>([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
ALT_SIMD_INLINE F32x16 Mul(F32x16 a, F32x16 b) {
  return Four<F32x16>([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
ALT_SIMD_INLINE F32x16 Div(F32x16 a, F32x16 b) {
  return Four<F32x16>([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
/// a * b + c, rounded once.
ALT_SIMD_INLINE F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
  return Four<F32x16>([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
ALT_SIMD_INLINE F32x16 Negate(F32x16 a) {
  return Four<F32x16>([&](int i) { return vnegq_f32(a.v[i]); });
}
/// 16 f16 values.
ALT_SIMD_INLINE F32x16 LoadF16(const uint8_t* p) {
  return Four<F32x16>([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i))); });
}

// ---- i32 ----

ALT_SIMD_INLINE I32x16 SetI32(int32_t x) {
  const int32x4_t v = vdupq_n_s32(x);
  return {{v, v, v, v}};
}
ALT_SIMD_INLINE I32x16 ZeroI32() { return SetI32(0); }
ALT_SIMD_INLINE I32x16 LoadI32(const uint8_t* p) {
  return Four<I32x16>([&](int i) { return vreinterpretq_s32_u8(vld1q_u8(p + 16 * i)); });
}
ALT_SIMD_INLINE void StoreI32(I32x16 a, int32_t* p) {
  for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, a.v[i]);
}
/// 16 signed bytes.
ALT_SIMD_INLINE I32x16 LoadI8(const uint8_t* p) {
  const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
  const int16x8_t lo = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t hi = vmovl_high_s8(bytes);
  return {{vmovl_s16(vget_low_s16(lo)), vmovl_high_s16(lo), vmovl_s16(vget_low_s16(hi)),
           vmovl_high_s16(hi)}};
}
/// 16 unsigned bytes, 16 unsigned words.
ALT_SIMD_INLINE I32x16 LoadU8(const uint8_t* p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t words[2] = {vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)};
  return Four<I32x16>([&](int i) {
    const uint16x8_t half = words[i / 2];
    return vreinterpretq_s32_u32(i % 2 == 0 ? vmovl_u16(vget_low_u16(half)) : vmovl_high_u16(half));
  });
}
ALT_SIMD_INLINE I32x16 LoadU16(const uint8_t* p) {
  return Four<I32x16>([&](int i) {
    return vreinterpretq_s32_u32(vmovl_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i))));
  });
}
ALT_SIMD_INLINE I32x16 And(I32x16 a, I32x16 b) {
  return Four<I32x16>([&](int i) { return vandq_s32(a.v[i], b.v[i]); });
}
ALT_SIMD_INLINE I32x16 Or(I32x16 a, I32x16 b) {
  return Four<I32x16>([&](int i) { return vorrq_s32(a.v[i], b.v[i]); });
}
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftRight(I32x16 a) {
  return Four<I32x16>([&](int i) {
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a.v[i]), kBits));
  });
}
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftLeft(I32x16 a) {
  return Four<I32x16>([&](int i) { return vshlq_n_s32(a.v[i], kBits); });
}
ALT_SIMD_INLINE I32x16 Add(I32x16 a, I32x16 b) {
  return Four<I32x16>([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
}
/// Bits first .. first + count - 1 of each.
ALT_SIMD_INLINE I32x16 Bits(I32x16 a, int first, int count) {
  const int32x4_t shift = vdupq_n_s32(-first);  // to the left where it is positive
  const uint32x4_t mask = vdupq_n_u32((1u << count) - 1);
  return Four<I32x16>([&](int i) {
    const uint32x4_t shifted = vshlq_u32(vreinterpretq_u32_s32(a.v[i]), shift);
    return vreinterpretq_s32_u32(vandq_u32(shifted, mask));
  });
}
ALT_SIMD_INLINE I32x16 Max(I32x16 a, I32x16 b) {
  return Four<I32x16>([&](int i) { return vmaxq_s32(a.v[i], b.v[i]); });
}
/// -1 where a is negative, else 0.
ALT_SIMD_INLINE I32x16 SignMask(I32x16 a) {
  return Four<I32x16>([&](int i) { return vshrq_n_s32(a.v[i], 31); });
}
/// The largest of each of eight vectors, in lanes 0 .. 7 and again in 8 .. 15.
ALT_SIMD_INLINE I32x16 LargestOfEach(const I32x16* a) {
  int32_t largest[8];
  for (int i = 0; i < 8; ++i) {
    const int32x4_t* v = a[i].v;
    largest[i] = vmaxvq_s32(vmaxq_s32(vmaxq_s32(v[0], v[1]), vmaxq_s32(v[2], v[3])));
  }
  return Four<I32x16>([&](int i) { return vld1q_s32(largest + i % 2 * 4); });
}
/// The low bytes of 16 vectors, all in [-128, 127], and the sum of each vector. Returns the sums of
/// neighbours, in lanes 0 .. 7.
ALT_SIMD_INLINE I32x16 StoreCodes(const I32x16* a, int8_t* p, int32_t* sums) {
  for (int i = 0; i < 16; ++i) {
    const int32x4_t* v = a[i].v;
    const int16x8_t lo = vmovn_high_s32(vmovn_s32(v[0]), v[1]);
    const int16x8_t hi = vmovn_high_s32(vmovn_s32(v[2]), v[3]);
    vst1q_s8(p + 16 * i, vmovn_high_s16(vmovn_s16(lo), hi));
    sums[i] = vaddvq_s32(vaddq_s32(vaddq_s32(v[0], v[1]), vaddq_s32(v[2], v[3])));
  }
  return Four<I32x16>([&](int i) {
    const int32_t* four = sums + i % 2 * 8;
    return vpaddq_s32(vld1q_s32(four), vld1q_s32(four + 4));
  });
}
ALT_SIMD_INLINE F32x16 ToF32(I32x16 a) {
  return Four<F32x16>([&](int i) { return vcvtq_f32_s32(a.v[i]); });
}
/// The f32 and the f16 (in the low halves) of these bits.
ALT_SIMD_INLINE F32x16 F32OfBits(I32x16 a) {
  return Four<F32x16>([&](int i) { return vreinterpretq_f32_s32(a.v[i]); });
}
ALT_SIMD_INLINE F32x16 F16ToF32(I32x16 a) {
  return Four<F32x16>([&](int i) { return vcvt_f32_f16(vreinterpret_f16_s16(vmovn_s32(a.v[i]))); });
}
ALT_SIMD_INLINE I32x16 BitsOf(F32x16 a) {
  return Four<I32x16>([&](int i) { return vreinterpretq_s32_f32(a.v[i]); });
}
ALT_SIMD_INLINE I32x16 RoundToI32(F32x16 a) {
  return Four<I32x16>([&](int i) { return vcvtnq_s32_f32(a.v[i]); });
}
/// The bits of |a|: ordered like the magnitudes, infinity above all numbers and NaN above infinity.
ALT_SIMD_INLINE I32x16 MagnitudeBits(F32x16 a) {
  return Four<I32x16>([&](int i) { return vreinterpretq_s32_f32(vabsq_f32(a.v[i])); });
}

// ---- codes ----

ALT_SIMD_INLINE Bytes64 LoadBytes(const uint8_t* p) {
  return Four<Bytes64>([&](int i) { return vld1q_u8(p + 16 * i); });
}
ALT_SIMD_INLINE void StoreBytes(Bytes64 a, uint8_t* p) {
  for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, a.v[i]);
}
ALT_SIMD_INLINE Bytes64 And(Bytes64 a, uint8_t b) {
  const uint8x16_t mask = vdupq_n_u8(b);
  return Four<Bytes64>([&](int i) { return vandq_u8(a.v[i], mask); });
}
ALT_SIMD_INLINE Bytes64 Or(Bytes64 a, Bytes64 b) {
  return Four<Bytes64>([&](int i) { return vorrq_u8(a.v[i], b.v[i]); });
}
ALT_SIMD_INLINE Bytes64 Xor(Bytes64 a, Bytes64 b) {
  return Four<Bytes64>([&](int i) { return veorq_u8(a.v[i], b.v[i]); });
}
/// Each row's four bytes were one number, the first byte the lowest.
ALT_SIMD_INLINE Bytes64 AsBytes(I32x16 a) {
  return Four<Bytes64>([&](int i) { return vreinterpretq_u8_s32(a.v[i]); });
}
/// Shifts each row's four bytes as one number: mask away what came from the neighbour.
ALT_SIMD_INLINE Bytes64 ShiftLeft(Bytes64 a, int bits) {
  const int32x4_t count = vdupq_n_s32(bits);  // to the right where it is negative
  return Four<Bytes64>(
      [&](int i) { return vreinterpretq_u8_u32(vshlq_u32(vreinterpretq_u32_u8(a.v[i]), count)); });
}
ALT_SIMD_INLINE Bytes64 ShiftRight(Bytes64 a, int bits) { return ShiftLeft(a, -bits); }
/// table[a] for bytes below 16.
ALT_SIMD_INLINE Bytes64 Lookup16(const uint8_t* table, Bytes64 a) {
  const uint8x16_t values = vld1q_u8(table);
  return Four<Bytes64>([&](int i) { return vqtbl1q_u8(values, a.v[i]); });
}
/// Two 16-bit numbers a row -> table[number], 16 bits each. Entry by entry: there is no gather, and
/// the smallest table would fill all registers.
template <int kEntries>
ALT_SIMD_INLINE Bytes64 LookupPairs(const uint16_t* table, I32x16 a) {
  return Four<Bytes64>([&](int i) {
    const uint16x8_t at = vreinterpretq_u16_s32(a.v[i]);
    const uint16x8_t found = {table[vgetq_lane_u16(at, 0)], table[vgetq_lane_u16(at, 1)],
                              table[vgetq_lane_u16(at, 2)], table[vgetq_lane_u16(at, 3)],
                              table[vgetq_lane_u16(at, 4)], table[vgetq_lane_u16(at, 5)],
                              table[vgetq_lane_u16(at, 6)], table[vgetq_lane_u16(at, 7)]};
    return vreinterpretq_u8_u16(found);
  });
}
/// Four bytes of each row's four: `places` has their numbers, the first in the lowest byte. From
/// 128 on a number stands for a zero.
ALT_SIMD_INLINE Bytes64 ShuffleRows(Bytes64 a, uint32_t places) {
  const uint32x4_t rows = {0, 0x04040404, 0x08080808, 0x0c0c0c0c};
  const uint8x16_t from = vreinterpretq_u8_u32(vaddq_u32(rows, vdupq_n_u32(places)));
  return Four<Bytes64>([&](int i) { return vqtbl1q_u8(a.v[i], from); });
}
/// Byte j of each row's four, shifted to the right by byte j of `counts` and masked.
ALT_SIMD_INLINE Bytes64 BitsOfBytes(Bytes64 a, uint32_t counts, uint8_t mask) {
  const int8x16_t left = vnegq_s8(vreinterpretq_s8_u32(vdupq_n_u32(counts)));
  const uint8x16_t m = vdupq_n_u8(mask);
  return Four<Bytes64>([&](int i) { return vandq_u8(vshlq_u8(a.v[i], left), m); });
}
/// Bytes 2 * half and 2 * half + 1 of each row's four, as two 16-bit numbers.
ALT_SIMD_INLINE I32x16 WidenBytes(I32x16 a, int half) {
  const uint32_t first = 2 * static_cast<uint32_t>(half);
  const Bytes64 words = ShuffleRows(AsBytes(a), 0x80018000u + first * 0x00010001u);
  return Four<I32x16>([&](int i) { return vreinterpretq_s32_u8(words.v[i]); });
}
/// The four nibbles of those bytes, low ones first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadNibbles(Bytes64 a, int half) {
  const uint32_t first = 2 * static_cast<uint32_t>(half);
  return BitsOfBytes(ShuffleRows(a, 0x01010000u + first * 0x01010101u), 0x04000400u, 15);
}
/// Byte `index` of each row's four, in all four places.
ALT_SIMD_INLINE Bytes64 RepeatByte(Bytes64 a, int index) {
  return ShuffleRows(a, static_cast<uint32_t>(index) * 0x01010101u);
}
/// The four pairs of bits of byte `index` of each row's four, the lowest first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadPairs(Bytes64 a, int index) {
  return BitsOfBytes(RepeatByte(a, index), 0x06040200u, 3);
}
/// The trit at the top of each byte times `power` (mod 256): floor(3 * that / 256).
ALT_SIMD_INLINE Bytes64 TopTrit(Bytes64 a, int power) {
  const uint8x16_t factor = vdupq_n_u8(static_cast<uint8_t>(power));
  return Four<Bytes64>([&](int i) {
    // floor(3p / 2) = p + floor(p / 2), whose half fits in a byte; and 64 of that are a trit.
    const uint8x16_t p = vmulq_u8(a.v[i], factor);
    return vshrq_n_u8(vhaddq_u8(p, vshrq_n_u8(p, 1)), 6);
  });
}
/// a, with `added` set in the bytes where bits & mask is not zero. `mask` has four bytes a row.
ALT_SIMD_INLINE Bytes64 OrWhere(Bytes64 a, Bytes64 bits, int32_t mask, uint8_t added) {
  const uint8x16_t m = vreinterpretq_u8_s32(vdupq_n_s32(mask));
  const uint8x16_t add = vdupq_n_u8(added);
  return Four<Bytes64>(
      [&](int i) { return vorrq_u8(a.v[i], vandq_u8(vtstq_u8(bits.v[i], m), add)); });
}

// ---- integer products: codes x activations, both signed, summed by fours ----

// Unsigned codes are at most 127, so they are signed ones too.
constexpr int kSignedBias = 0;
ALT_SIMD_INLINE Bytes64 FromSigned(Bytes64 a) { return a; }

/// Steps whose products may be summed before they must go to the i32 sum. Here they go at once.
template <int kMaxCode>
constexpr int kStepsPerSum = 8;
/// The largest code that is multiplied in the same way.
template <int kMaxCode>
constexpr int kCodeClass = 255;

// What follows works on the rows of two registers, 0..7 or 8..15, which linear.inl takes for one.
constexpr int kRegisters = 2;  // of 16 rows

struct RowBytes4 {
  int8x16_t v[2];
};
struct RowI32 {
  int32x4_t v[2];
};
using DotSum = RowI32;
/// Four activations, the same for all rows.
ALT_SIMD_INLINE RowBytes4 Broadcast4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const int8x16_t v = vreinterpretq_s8_s32(vdupq_n_s32(four));
  return {{v, v}};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 RegisterOf(Bytes64 a) {
  return {{vreinterpretq_s8_u8(a.v[2 * kRegister]), vreinterpretq_s8_u8(a.v[2 * kRegister + 1])}};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 LoadRegister(const uint8_t* p) {
  p += 32 * kRegister;
  return {{vreinterpretq_s8_u8(vld1q_u8(p)), vreinterpretq_s8_u8(vld1q_u8(p + 16))}};
}
ALT_SIMD_INLINE RowI32 SetRowI32(int32_t x) { return {{vdupq_n_s32(x), vdupq_n_s32(x)}}; }
ALT_SIMD_INLINE DotSum StartDot(RowI32 sum) { return sum; }
template <int kMaxCode>
ALT_SIMD_INLINE DotSum DotStep(DotSum dot, RowBytes4 codes, RowBytes4 activations) {
  static_assert(kMaxCode <= 127 || kMaxCode == 255, "255 stands for signed codes");
  return {{vdotq_s32(dot.v[0], codes.v[0], activations.v[0]),
           vdotq_s32(dot.v[1], codes.v[1], activations.v[1])}};
}
ALT_SIMD_INLINE RowI32 FinishDot(RowI32 /*sum*/, DotSum dot) { return dot; }
/// sum + isum * (scale * x_scale), in the rows of one RowI32.
template <int kRegister>
ALT_SIMD_INLINE void AddScaled(RowI32 isum, F32x16 scale, float x_scale, F32x16* sum) {
  for (int i = 0; i < 2; ++i) {
    const int j = 2 * kRegister + i;
    const float32x4_t both = vmulq_n_f32(scale.v[j], x_scale);
    sum->v[j] = vfmaq_f32(sum->v[j], vcvtq_f32_s32(isum.v[i]), both);
  }
}

// ---- 16-bit floats, two columns a row -> one vector a column ----

struct TwoColumns {
  F32x16 first, second;
};
ALT_SIMD_INLINE TwoColumns ColumnsFromBf16(const uint8_t* p) {
  const I32x16 bits = LoadI32(p);
  const int32x4_t upper = vdupq_n_s32(static_cast<int32_t>(0xffff0000u));
  return {Four<F32x16>([&](int i) { return vreinterpretq_f32_s32(vshlq_n_s32(bits.v[i], 16)); }),
          Four<F32x16>([&](int i) { return vreinterpretq_f32_s32(vandq_s32(bits.v[i], upper)); })};
}
/// Eight rows' halves -> two registers of f32.
ALT_SIMD_INLINE void ConvertHalves(uint16x8_t halves, float32x4_t* out) {
  const float16x8_t h = vreinterpretq_f16_u16(halves);
  out[0] = vcvt_f32_f16(vget_low_f16(h));
  out[1] = vcvt_high_f32_f16(h);
}
ALT_SIMD_INLINE TwoColumns ColumnsFromF16(const uint8_t* p) {
  TwoColumns columns;
  for (int i = 0; i < 4; i += 2, p += 32) {
    const uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(p));
    const uint16x8_t b = vreinterpretq_u16_u8(vld1q_u8(p + 16));
    ConvertHalves(vuzp1q_u16(a, b), columns.first.v + i);
    ConvertHalves(vuzp2q_u16(a, b), columns.second.v + i);
  }
  return columns;
}

ALT_SIMD_INLINE void Prefetch(const uint8_t* p) { __builtin_prefetch(p); }

}  // namespace
}  // namespace altteul::kernels
