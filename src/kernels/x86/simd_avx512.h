// SPDX-License-Identifier: Apache-2.0

// The vectors of AVX-512 (F, BW, DQ, VL, VNNI) under the names that linear.inl is written in;
// products of bf16 pairs for files that are compiled with BF16.
//
// Everything is 16 rows wide: F32x16 and I32x16 hold one number a row, Bytes64 holds four columns'
// codes a row (row r in bytes 4r .. 4r + 3). simd_avx2.h has the same names.

#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define ALT_SIMD_INLINE inline __attribute__((always_inline))
#define ALT_SIMD_NOINLINE __attribute__((noinline))

namespace altteul::kernels {
namespace {

struct F32x16 {
  __m512 v;
};
struct I32x16 {
  __m512i v;
};
struct Bytes64 {
  __m512i v;
};

// Tokens that share one pass over the weights: 8 sums in integers, 8 in f32 and 8 of the minimums
// leave 8 of the 32 registers for weights and scales.
constexpr int kMaxTokensP8 = 8;
// Groups of 16 rows that are unpacked and multiplied together, and the tokens of their register
// tile: 12 sums in integers and 12 in f32 leave 8 registers for weights and activations. 3 x 4
// reads 7 times from memory for 12 products, 1 x 8 reads 9 times for 8.
constexpr size_t kPanelGroups = 3;
constexpr int PanelTileTokens(int groups) { return groups == 3 ? 4 : groups == 2 ? 6 : 8; }
constexpr int kMaxTokensFloat = 12;

// ---- f32 ----

ALT_SIMD_INLINE F32x16 ZeroF32() { return {_mm512_setzero_ps()}; }
ALT_SIMD_INLINE F32x16 SetF32(float x) { return {_mm512_set1_ps(x)}; }
ALT_SIMD_INLINE F32x16 LoadF32(const float* p) { return {_mm512_loadu_ps(p)}; }
ALT_SIMD_INLINE void StoreF32(F32x16 a, float* p) { _mm512_storeu_ps(p, a.v); }
ALT_SIMD_INLINE void StoreFirst8(F32x16 a, float* p) {
  _mm256_storeu_ps(p, _mm512_castps512_ps256(a.v));
}
ALT_SIMD_INLINE F32x16 Add(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
ALT_SIMD_INLINE F32x16 Mul(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
ALT_SIMD_INLINE F32x16 Div(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
/// a * b + c, rounded once.
ALT_SIMD_INLINE F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
ALT_SIMD_INLINE F32x16 Negate(F32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
/// 16 f16 values.
ALT_SIMD_INLINE F32x16 LoadF16(const uint8_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

// ---- i32 ----

ALT_SIMD_INLINE I32x16 ZeroI32() { return {_mm512_setzero_si512()}; }
ALT_SIMD_INLINE I32x16 SetI32(int32_t x) { return {_mm512_set1_epi32(x)}; }
ALT_SIMD_INLINE I32x16 LoadI32(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
ALT_SIMD_INLINE void StoreI32(I32x16 a, int32_t* p) { _mm512_storeu_si512(p, a.v); }
/// 16 signed bytes.
ALT_SIMD_INLINE I32x16 LoadI8(const uint8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
/// 16 unsigned bytes, 16 unsigned words.
ALT_SIMD_INLINE I32x16 LoadU8(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
ALT_SIMD_INLINE I32x16 LoadU16(const uint8_t* p) {
  return {_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
ALT_SIMD_INLINE I32x16 And(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
ALT_SIMD_INLINE I32x16 Or(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftRight(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftLeft(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
ALT_SIMD_INLINE I32x16 Add(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
/// Bits first .. first + count - 1 of each.
ALT_SIMD_INLINE I32x16 Bits(I32x16 a, int first, int count) {
  return {_mm512_and_si512(_mm512_srlv_epi32(a.v, _mm512_set1_epi32(first)),
                           _mm512_set1_epi32((1 << count) - 1))};
}
ALT_SIMD_INLINE I32x16 Max(I32x16 a, I32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
/// -1 where a is negative, else 0.
ALT_SIMD_INLINE I32x16 SignMask(I32x16 a) { return {_mm512_srai_epi32(a.v, 31)}; }
/// The largest of each of eight vectors, in lanes 0 .. 7 and again in 8 .. 15.
ALT_SIMD_INLINE I32x16 LargestOfEach(const I32x16* a) {
  __m512i fours[2];  // (i, i + 1, i + 2, i + 3) in each quarter: the largest of that quarter
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i, a += 4) {
    const __m512i ab = _mm512_max_epi32(_mm512_unpacklo_epi32(a[0].v, a[1].v),
                                        _mm512_unpackhi_epi32(a[0].v, a[1].v));
    const __m512i cd = _mm512_max_epi32(_mm512_unpacklo_epi32(a[2].v, a[3].v),
                                        _mm512_unpackhi_epi32(a[2].v, a[3].v));
    fours[i] = _mm512_max_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  const __m512i halves = _mm512_max_epi32(_mm512_shuffle_i32x4(fours[0], fours[1], 0x88),
                                          _mm512_shuffle_i32x4(fours[0], fours[1], 0xdd));
  const __m512i all = _mm512_max_epi32(halves, _mm512_shuffle_i32x4(halves, halves, 0xb1));
  return {_mm512_shuffle_i32x4(all, all, 0x88)};
}
/// The low bytes of 16 vectors, all in [-128, 127], and the sum of each vector. Returns the sums of
/// neighbours, in lanes 0 .. 7.
ALT_SIMD_INLINE I32x16 StoreCodes(const I32x16* a, int8_t* p, int32_t* sums) {
  // Packing works in quarters of a register: fours of codes come as 0, 4, 8, 12, 1, 5, ...
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i fours[4];  // sums of four codes
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, a += 4, p += 64) {
    const __m512i packed =
        _mm512_packs_epi16(_mm512_packs_epi32(a[0].v, a[1].v), _mm512_packs_epi32(a[2].v, a[3].v));
    const __m512i bytes = _mm512_permutexvar_epi32(order, packed);
    _mm512_storeu_si512(p, bytes);
    fours[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), bytes);
  }
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(fours[0], fours[1]),
                                      _mm512_unpackhi_epi32(fours[0], fours[1]));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(fours[2], fours[3]),
                                      _mm512_unpackhi_epi32(fours[2], fours[3]));
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m512i in_order = _mm512_permutexvar_epi32(order, all);
  _mm512_storeu_si512(sums, in_order);
  // In each pair of 32 bits the sum of both, then the low halves.
  const __m512i pairs = _mm512_add_epi32(in_order, _mm512_srli_epi64(in_order, 32));
  return {_mm512_castsi256_si512(_mm512_cvtepi64_epi32(pairs))};
}
ALT_SIMD_INLINE F32x16 ToF32(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
/// The f32 and the f16 (in the low halves) of these bits.
ALT_SIMD_INLINE F32x16 F32OfBits(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
ALT_SIMD_INLINE F32x16 F16ToF32(I32x16 a) { return {_mm512_cvtph_ps(_mm512_cvtepi32_epi16(a.v))}; }
ALT_SIMD_INLINE I32x16 BitsOf(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
ALT_SIMD_INLINE I32x16 RoundToI32(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
/// The bits of |a|: ordered like the magnitudes, infinity above all numbers and NaN above infinity.
ALT_SIMD_INLINE I32x16 MagnitudeBits(F32x16 a) {
  return {_mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff))};
}

// ---- codes ----

ALT_SIMD_INLINE Bytes64 LoadBytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
ALT_SIMD_INLINE void StoreBytes(Bytes64 a, uint8_t* p) { _mm512_storeu_si512(p, a.v); }
ALT_SIMD_INLINE Bytes64 And(Bytes64 a, uint8_t b) {
  return {_mm512_and_si512(a.v, _mm512_set1_epi8(static_cast<char>(b)))};
}
ALT_SIMD_INLINE Bytes64 Or(Bytes64 a, Bytes64 b) { return {_mm512_or_si512(a.v, b.v)}; }
ALT_SIMD_INLINE Bytes64 Xor(Bytes64 a, Bytes64 b) { return {_mm512_xor_si512(a.v, b.v)}; }
/// Each row's four bytes were one number, the first byte the lowest.
ALT_SIMD_INLINE Bytes64 AsBytes(I32x16 a) { return {a.v}; }
/// Shifts each row's four bytes as one number: mask away what came from the neighbour.
ALT_SIMD_INLINE Bytes64 ShiftRight(Bytes64 a, int bits) {
  return {_mm512_srlv_epi32(a.v, _mm512_set1_epi32(bits))};
}
ALT_SIMD_INLINE Bytes64 ShiftLeft(Bytes64 a, int bits) {
  return {_mm512_sllv_epi32(a.v, _mm512_set1_epi32(bits))};
}
/// table[a] for bytes below 16.
ALT_SIMD_INLINE Bytes64 Lookup16(const uint8_t* table, Bytes64 a) {
  const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), a.v)};
}
/// The 32 words table[a], where each number of `a` is below kEntries: 64, 128, ...
template <int kEntries>
ALT_SIMD_INLINE __m512i LookupWords(const uint16_t* table, __m512i a) {
  if constexpr (kEntries == 64) {
    return _mm512_permutex2var_epi16(_mm512_loadu_si512(table), a, _mm512_loadu_si512(table + 32));
  } else {
    constexpr int kHalf = kEntries / 2;
    const __mmask32 upper = _mm512_test_epi16_mask(a, _mm512_set1_epi16(kHalf));
    return _mm512_mask_blend_epi16(upper, LookupWords<kHalf>(table, a),
                                   LookupWords<kHalf>(table + kHalf, a));
  }
}
/// Two 16-bit numbers a row -> table[number], 16 bits each. Numbers are below kEntries, and the
/// table has one entry more.
template <int kEntries>
ALT_SIMD_INLINE Bytes64 LookupPairs(const uint16_t* table, I32x16 a) {
  // A tree of permutations takes a third of the time of two gathers with 256 entries, the same with
  // 1024 and a third more with 2048 (whole products, Zen 4).
  if constexpr (kEntries <= 512) return {LookupWords<kEntries>(table, a.v)};
  // Four bytes at an entry, of which two belong to the next.
  const __m512i low16 = _mm512_set1_epi32(0xffff);
  const __m512i low = _mm512_i32gather_epi32(_mm512_and_si512(a.v, low16), table, 2);
  const __m512i high = _mm512_i32gather_epi32(_mm512_srli_epi32(a.v, 16), table, 2);
  return {_mm512_or_si512(_mm512_and_si512(low, low16), _mm512_slli_epi32(high, 16))};
}
/// Bytes 2 * half and 2 * half + 1 of each row's four, as two 16-bit numbers.
ALT_SIMD_INLINE I32x16 WidenBytes(I32x16 a, int half) {
  const int i = static_cast<int>(0x80018000u) + half * 0x00020002;
  return {_mm512_shuffle_epi8(a.v, _mm512_broadcast_i32x4(_mm_set_epi32(
                                       i + 0x000c000c, i + 0x00080008, i + 0x00040004, i)))};
}
/// The four nibbles of those bytes, low ones first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadNibbles(Bytes64 a, int half) {
  const int i = 0x01010000 + half * 0x02020202;
  const __m512i twice = _mm512_shuffle_epi8(
      a.v,
      _mm512_broadcast_i32x4(_mm_set_epi32(i + 0x0c0c0c0c, i + 0x08080808, i + 0x04040404, i)));
  const __m512i low = _mm512_and_si512(twice, _mm512_set1_epi32(0x000f000f));
  const __m512i high = _mm512_and_si512(_mm512_srli_epi16(twice, 4), _mm512_set1_epi32(0x0f000f00));
  return {_mm512_or_si512(low, high)};
}
/// The four pairs of bits of byte `index` of each row's four, the lowest first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadPairs(Bytes64 a, int index) {
  // 65 n is n and, 6 bits higher, n again: a nibble's two pairs, 8 bits apart. The products' upper
  // halves are 65 times the low and 65 times the high nibble.
  const int i = static_cast<int>(0x00800080u) + index * 0x01000100;
  const __m512i twice = _mm512_shuffle_epi8(
      a.v,
      _mm512_broadcast_i32x4(_mm_set_epi32(i + 0x0c000c00, i + 0x08000800, i + 0x04000400, i)));
  const __m512i nibbles = _mm512_and_si512(twice, _mm512_set1_epi32(static_cast<int>(0xf0000f00u)));
  const __m512i copies = _mm512_mulhi_epu16(nibbles, _mm512_set1_epi32(0x04104100));
  return {_mm512_and_si512(copies, _mm512_set1_epi32(0x03030303))};
}
/// The trit at the top of each byte times `power` (mod 256): floor(3 * that / 256).
ALT_SIMD_INLINE Bytes64 TopTrit(Bytes64 a, int power) {
  // Each byte in the upper half of a 16-bit number, where the product loses what is above it.
  const __m512i upper = _mm512_set1_epi16(static_cast<int16_t>(0xff00));
  const __m512i three = _mm512_set1_epi16(3);
  const __m512i even = _mm512_mullo_epi16(a.v, _mm512_set1_epi16(static_cast<int16_t>(power << 8)));
  const __m512i odd = _mm512_mullo_epi16(_mm512_and_si512(a.v, upper),
                                         _mm512_set1_epi16(static_cast<int16_t>(power)));
  return {_mm512_or_si512(_mm512_mulhi_epu16(even, three),
                          _mm512_slli_epi16(_mm512_mulhi_epu16(odd, three), 8))};
}
/// Byte `index` of each row's four, in all four places.
ALT_SIMD_INLINE Bytes64 RepeatByte(Bytes64 a, int index) {
  const int i = index * 0x01010101;
  return {_mm512_shuffle_epi8(a.v, _mm512_broadcast_i32x4(_mm_set_epi32(
                                       i + 0x0c0c0c0c, i + 0x08080808, i + 0x04040404, i)))};
}
/// a, with `added` set in the bytes where bits & mask is not zero. `mask` has four bytes a row.
ALT_SIMD_INLINE Bytes64 OrWhere(Bytes64 a, Bytes64 bits, int32_t mask, uint8_t added) {
  const __mmask64 where = _mm512_test_epi8_mask(bits.v, _mm512_set1_epi32(mask));
  return {_mm512_mask_add_epi8(a.v, where, a.v, _mm512_set1_epi8(static_cast<char>(added)))};
}
// ---- integer products: codes (unsigned) x activations (signed), summed by fours ----

// Signed 8-bit codes become unsigned ones with this bias.
constexpr int kSignedBias = 128;
ALT_SIMD_INLINE Bytes64 FromSigned(Bytes64 a) {
  return {_mm512_xor_si512(a.v, _mm512_set1_epi8(static_cast<char>(kSignedBias)))};
}

/// Steps whose products may be summed before they must go to the i32 sum. Here they go at once.
template <int kMaxCode>
constexpr int kStepsPerSum = 8;
/// The largest code that is multiplied in the same way.
template <int kMaxCode>
constexpr int kCodeClass = 255;

// What follows works on one register's rows: here on all 16, in simd_avx2.h on 8.
constexpr int kRegisters = 1;  // of 16 rows

struct RowBytes4 {
  __m512i v;
};
struct RowI32 {
  __m512i v;
};
struct DotSum {
  __m512i v;
};
/// Four activations, the same for all rows.
ALT_SIMD_INLINE RowBytes4 Broadcast4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm512_set1_epi32(four)};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 RegisterOf(Bytes64 a) {
  return {a.v};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 LoadRegister(const uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
ALT_SIMD_INLINE RowI32 SetRowI32(int32_t x) { return {_mm512_set1_epi32(x)}; }
ALT_SIMD_INLINE DotSum StartDot(RowI32 sum) { return {sum.v}; }
template <int kMaxCode>
ALT_SIMD_INLINE DotSum DotStep(DotSum dot, RowBytes4 codes, RowBytes4 activations) {
  return {_mm512_dpbusd_epi32(dot.v, codes.v, activations.v)};
}
ALT_SIMD_INLINE RowI32 FinishDot(RowI32 /*sum*/, DotSum dot) { return {dot.v}; }
/// sum + isum * (scale * x_scale), in the rows of one register.
template <int kRegister>
ALT_SIMD_INLINE void AddScaled(RowI32 isum, F32x16 scale, float x_scale, F32x16* sum) {
  const __m512 both = _mm512_mul_ps(scale.v, _mm512_set1_ps(x_scale));
  sum->v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum.v), both, sum->v);
}

#ifdef __AVX512BF16__

// ---- bf16 products ----

struct Bf16Pairs {
  __m512bh v;
};
ALT_SIMD_INLINE Bf16Pairs LoadPairs(const uint8_t* p) {
  const __m512i bits = _mm512_loadu_si512(p);
  Bf16Pairs pairs;
  __builtin_memcpy(&pairs.v, &bits, sizeof bits);
  return pairs;
}
ALT_SIMD_INLINE void StorePairs(Bf16Pairs a, uint8_t* p) { __builtin_memcpy(p, &a.v, sizeof a.v); }
/// 16 pairs of f16, rounded to bf16.
ALT_SIMD_INLINE Bf16Pairs PairsFromF16(const uint8_t* p) {
  return {_mm512_cvtne2ps_pbh(LoadF16(p + 32).v, LoadF16(p).v)};
}
/// Two activations, the same for all rows.
ALT_SIMD_INLINE Bf16Pairs BroadcastPair(const uint16_t* p) {
  int32_t two;
  __builtin_memcpy(&two, p, sizeof two);
  const __m512i bits = _mm512_set1_epi32(two);
  Bf16Pairs pairs;
  __builtin_memcpy(&pairs.v, &bits, sizeof bits);
  return pairs;
}
ALT_SIMD_INLINE F32x16 DotPairs(F32x16 sum, Bf16Pairs a, Bf16Pairs b) {
  return {_mm512_dpbf16_ps(sum.v, a.v, b.v)};
}

#else

// ---- 16-bit floats, two columns a row -> one vector a column ----

struct TwoColumns {
  F32x16 first, second;
};
ALT_SIMD_INLINE TwoColumns ColumnsFromBf16(const uint8_t* p) {
  const __m512i bits = _mm512_loadu_si512(p);
  const __m512i upper = _mm512_set1_epi32(static_cast<int32_t>(0xffff0000u));
  return {{_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16))},
          {_mm512_castsi512_ps(_mm512_and_si512(bits, upper))}};
}
ALT_SIMD_INLINE TwoColumns ColumnsFromF16(const uint8_t* p) {
  const __m512i bits = _mm512_loadu_si512(p);
  return {{_mm512_cvtph_ps(_mm512_cvtepi32_epi16(bits))},
          {_mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)))}};
}

#endif

ALT_SIMD_INLINE void Prefetch(const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}

}  // namespace
}  // namespace altteul::kernels
