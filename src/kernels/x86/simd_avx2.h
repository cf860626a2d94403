// SPDX-License-Identifier: Apache-2.0

// The vectors of AVX2 with FMA and F16C under the names of simd_avx512.h: 16 rows are two
// registers.

#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define ALT_SIMD_INLINE inline __attribute__((always_inline))
#define ALT_SIMD_NOINLINE __attribute__((noinline))

namespace altteul::kernels {
namespace {

struct F32x16 {
  __m256 lo, hi;  // rows 0..7, 8..15
};
struct I32x16 {
  __m256i lo, hi;
};
struct Bytes64 {
  __m256i lo, hi;
};

// Tokens that share one pass over the weights: for 8 rows at a time 4 integer sums, the codes, one
// activation and one product, beside 4 x 2 sums in f32.
constexpr int kMaxTokensP8 = 4;
// Groups of 16 rows that are unpacked and multiplied together, and the tokens of their register
// tile.
constexpr size_t kPanelGroups = 1;
constexpr int PanelTileTokens(int /*groups*/) { return kMaxTokensP8; }
constexpr int kMaxTokensFloat = 6;

// ---- f32 ----

ALT_SIMD_INLINE F32x16 ZeroF32() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
ALT_SIMD_INLINE F32x16 SetF32(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
ALT_SIMD_INLINE F32x16 LoadF32(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
ALT_SIMD_INLINE void StoreFirst8(F32x16 a, float* p) { _mm256_storeu_ps(p, a.lo); }
ALT_SIMD_INLINE void StoreF32(F32x16 a, float* p) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
ALT_SIMD_INLINE F32x16 Add(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
ALT_SIMD_INLINE F32x16 Mul(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
ALT_SIMD_INLINE F32x16 Div(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
/// a * b + c, rounded once.
ALT_SIMD_INLINE F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
ALT_SIMD_INLINE F32x16 Negate(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}
/// 16 f16 values.
ALT_SIMD_INLINE F32x16 LoadF16(const uint8_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
}

// ---- i32 ----

ALT_SIMD_INLINE I32x16 ZeroI32() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
ALT_SIMD_INLINE I32x16 SetI32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
ALT_SIMD_INLINE __m256i Load32Bytes(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
ALT_SIMD_INLINE I32x16 LoadI32(const uint8_t* p) { return {Load32Bytes(p), Load32Bytes(p + 32)}; }
ALT_SIMD_INLINE void StoreI32(I32x16 a, int32_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), a.hi);
}
/// 16 signed bytes.
ALT_SIMD_INLINE I32x16 LoadI8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
}
/// 16 unsigned bytes, 16 unsigned words.
ALT_SIMD_INLINE I32x16 LoadU8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
ALT_SIMD_INLINE I32x16 LoadU16(const uint8_t* p) {
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
}
ALT_SIMD_INLINE I32x16 And(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
ALT_SIMD_INLINE I32x16 Or(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftRight(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
template <int kBits>
ALT_SIMD_INLINE I32x16 ShiftLeft(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
ALT_SIMD_INLINE I32x16 Add(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
/// Bits first .. first + count - 1 of each.
ALT_SIMD_INLINE I32x16 Bits(I32x16 a, int first, int count) {
  const __m256i shift = _mm256_set1_epi32(first);
  const __m256i mask = _mm256_set1_epi32((1 << count) - 1);
  return {_mm256_and_si256(_mm256_srlv_epi32(a.lo, shift), mask),
          _mm256_and_si256(_mm256_srlv_epi32(a.hi, shift), mask)};
}
ALT_SIMD_INLINE I32x16 Max(I32x16 a, I32x16 b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
/// -1 where a is negative, else 0.
ALT_SIMD_INLINE I32x16 SignMask(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, 31), _mm256_srai_epi32(a.hi, 31)};
}
/// The sums of four neighbours: of a[0], a[1], a[2], a[3] in the low, then in the high quarters.
ALT_SIMD_INLINE __m256i SumsOfFours(const __m256i* a) {
  return _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
}
/// The largest of each of four vectors.
ALT_SIMD_INLINE __m128i LargestOfFour(const I32x16* a) {
  __m256i m[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) m[i] = _mm256_max_epi32(a[i].lo, a[i].hi);
  const __m256i ab =
      _mm256_max_epi32(_mm256_unpacklo_epi32(m[0], m[1]), _mm256_unpackhi_epi32(m[0], m[1]));
  const __m256i cd =
      _mm256_max_epi32(_mm256_unpacklo_epi32(m[2], m[3]), _mm256_unpackhi_epi32(m[2], m[3]));
  const __m256i all =
      _mm256_max_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  return _mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}
/// The largest of each of eight vectors, in lanes 0 .. 7 and again in 8 .. 15.
ALT_SIMD_INLINE I32x16 LargestOfEach(const I32x16* a) {
  const __m256i all = _mm256_set_m128i(LargestOfFour(a + 4), LargestOfFour(a));
  return {all, all};
}
/// The low bytes of 16 vectors, all in [-128, 127], and the sum of each vector. Returns the sums of
/// neighbours, in lanes 0 .. 7.
ALT_SIMD_INLINE I32x16 StoreCodes(const I32x16* a, int8_t* p, int32_t* sums) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, a += 4, p += 64) {
    __m256i both[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) both[j] = _mm256_add_epi32(a[j].lo, a[j].hi);
    const __m256i halves = SumsOfFours(both);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums + 4 * i),
        _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1)));
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      // Packing works in halves of a register.
      const __m256i packed =
          _mm256_packs_epi16(_mm256_packs_epi32(a[2 * j].lo, a[2 * j].hi),
                             _mm256_packs_epi32(a[2 * j + 1].lo, a[2 * j + 1].hi));
      const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32 * j),
                          _mm256_permutevar8x32_epi32(packed, order));
    }
  }
  // Adding neighbours works in halves of a register.
  const I32x16 all = LoadI32(reinterpret_cast<const uint8_t*>(sums));
  const __m256i pairs = _mm256_permute4x64_epi64(_mm256_hadd_epi32(all.lo, all.hi), 0xd8);
  return {pairs, pairs};
}
ALT_SIMD_INLINE F32x16 ToF32(I32x16 a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}
/// The f32 and the f16 (in the low halves) of these bits.
ALT_SIMD_INLINE F32x16 F32OfBits(I32x16 a) {
  return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}
ALT_SIMD_INLINE F32x16 F16ToF32(I32x16 a) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a.lo, a.hi), 0xd8);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(words)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(words, 1))};
}
ALT_SIMD_INLINE I32x16 BitsOf(F32x16 a) {
  return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)};
}
ALT_SIMD_INLINE I32x16 RoundToI32(F32x16 a) {
  return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)};
}
/// The bits of |a|: ordered like the magnitudes, infinity above all numbers and NaN above infinity.
ALT_SIMD_INLINE I32x16 MagnitudeBits(F32x16 a) {
  const __m256i mask = _mm256_set1_epi32(0x7fffffff);
  return {_mm256_and_si256(_mm256_castps_si256(a.lo), mask),
          _mm256_and_si256(_mm256_castps_si256(a.hi), mask)};
}

// ---- codes ----

ALT_SIMD_INLINE Bytes64 LoadBytes(const uint8_t* p) {
  return {Load32Bytes(p), Load32Bytes(p + 32)};
}
ALT_SIMD_INLINE void StoreBytes(Bytes64 a, uint8_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.hi);
}
ALT_SIMD_INLINE Bytes64 And(Bytes64 a, uint8_t b) {
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(b));
  return {_mm256_and_si256(a.lo, mask), _mm256_and_si256(a.hi, mask)};
}
ALT_SIMD_INLINE Bytes64 Or(Bytes64 a, Bytes64 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
ALT_SIMD_INLINE Bytes64 Xor(Bytes64 a, Bytes64 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
/// Each row's four bytes were one number, the first byte the lowest.
ALT_SIMD_INLINE Bytes64 AsBytes(I32x16 a) { return {a.lo, a.hi}; }
/// Shifts each row's four bytes as one number: mask away what came from the neighbour.
ALT_SIMD_INLINE Bytes64 ShiftRight(Bytes64 a, int bits) {
  const __m256i count = _mm256_set1_epi32(bits);
  return {_mm256_srlv_epi32(a.lo, count), _mm256_srlv_epi32(a.hi, count)};
}
ALT_SIMD_INLINE Bytes64 ShiftLeft(Bytes64 a, int bits) {
  const __m256i count = _mm256_set1_epi32(bits);
  return {_mm256_sllv_epi32(a.lo, count), _mm256_sllv_epi32(a.hi, count)};
}
ALT_SIMD_INLINE Bytes64 ShuffleBytes(Bytes64 a, __m128i places) {
  const __m256i both = _mm256_broadcastsi128_si256(places);
  return {_mm256_shuffle_epi8(a.lo, both), _mm256_shuffle_epi8(a.hi, both)};
}
/// table[a] for bytes below 16.
ALT_SIMD_INLINE Bytes64 Lookup16(const uint8_t* table, Bytes64 a) {
  const __m256i values =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {_mm256_shuffle_epi8(values, a.lo), _mm256_shuffle_epi8(values, a.hi)};
}
ALT_SIMD_INLINE __m256i GatherPairs(const uint16_t* table, __m256i a) {
  // Four bytes at an entry, of which two belong to the next.
  const int* entries = reinterpret_cast<const int*>(table);
  const __m256i low16 = _mm256_set1_epi32(0xffff);
  const __m256i low = _mm256_i32gather_epi32(entries, _mm256_and_si256(a, low16), 2);
  const __m256i high = _mm256_i32gather_epi32(entries, _mm256_srli_epi32(a, 16), 2);
  return _mm256_or_si256(_mm256_and_si256(low, low16), _mm256_slli_epi32(high, 16));
}
/// Two 16-bit numbers a row -> table[number], 16 bits each. Numbers are below kEntries, and the
/// table has one entry more.
template <int kEntries>
ALT_SIMD_INLINE Bytes64 LookupPairs(const uint16_t* table, I32x16 a) {
  return {GatherPairs(table, a.lo), GatherPairs(table, a.hi)};
}
/// Bytes 2 * half and 2 * half + 1 of each row's four, as two 16-bit numbers.
ALT_SIMD_INLINE I32x16 WidenBytes(I32x16 a, int half) {
  const int i = static_cast<int>(0x80018000u) + half * 0x00020002;
  const Bytes64 words =
      ShuffleBytes(AsBytes(a), _mm_set_epi32(i + 0x000c000c, i + 0x00080008, i + 0x00040004, i));
  return {words.lo, words.hi};
}
/// The four nibbles of those bytes, low ones first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadNibbles(Bytes64 a, int half) {
  const int i = 0x01010000 + half * 0x02020202;
  const Bytes64 twice =
      ShuffleBytes(a, _mm_set_epi32(i + 0x0c0c0c0c, i + 0x08080808, i + 0x04040404, i));
  const __m256i low = _mm256_set1_epi32(0x000f000f);
  const __m256i high = _mm256_set1_epi32(0x0f000f00);
  return {_mm256_or_si256(_mm256_and_si256(twice.lo, low),
                          _mm256_and_si256(_mm256_srli_epi16(twice.lo, 4), high)),
          _mm256_or_si256(_mm256_and_si256(twice.hi, low),
                          _mm256_and_si256(_mm256_srli_epi16(twice.hi, 4), high))};
}
/// The four pairs of bits of byte `index` of each row's four, the lowest first, a byte each.
ALT_SIMD_INLINE Bytes64 SpreadPairs(Bytes64 a, int index) {
  // 65 n is n and, 6 bits higher, n again: a nibble's two pairs, 8 bits apart. The products' upper
  // halves are 65 times the low and 65 times the high nibble.
  const int i = static_cast<int>(0x00800080u) + index * 0x01000100;
  const Bytes64 twice =
      ShuffleBytes(a, _mm_set_epi32(i + 0x0c000c00, i + 0x08000800, i + 0x04000400, i));
  const __m256i nibbles = _mm256_set1_epi32(static_cast<int>(0xf0000f00u));
  const __m256i factors = _mm256_set1_epi32(0x04104100);
  const __m256i pairs = _mm256_set1_epi32(0x03030303);
  return {
      _mm256_and_si256(_mm256_mulhi_epu16(_mm256_and_si256(twice.lo, nibbles), factors), pairs),
      _mm256_and_si256(_mm256_mulhi_epu16(_mm256_and_si256(twice.hi, nibbles), factors), pairs)};
}
ALT_SIMD_INLINE __m256i TopTrit32(__m256i a, int power) {
  // Each byte in the upper half of a 16-bit number, where the product loses what is above it.
  const __m256i upper = _mm256_set1_epi16(static_cast<int16_t>(0xff00));
  const __m256i three = _mm256_set1_epi16(3);
  const __m256i even = _mm256_mullo_epi16(a, _mm256_set1_epi16(static_cast<int16_t>(power << 8)));
  const __m256i odd = _mm256_mullo_epi16(_mm256_and_si256(a, upper),
                                         _mm256_set1_epi16(static_cast<int16_t>(power)));
  return _mm256_or_si256(_mm256_mulhi_epu16(even, three),
                         _mm256_slli_epi16(_mm256_mulhi_epu16(odd, three), 8));
}
/// The trit at the top of each byte times `power` (mod 256): floor(3 * that / 256).
ALT_SIMD_INLINE Bytes64 TopTrit(Bytes64 a, int power) {
  return {TopTrit32(a.lo, power), TopTrit32(a.hi, power)};
}
/// Byte `index` of each row's four, in all four places.
ALT_SIMD_INLINE Bytes64 RepeatByte(Bytes64 a, int index) {
  const int i = index * 0x01010101;
  return ShuffleBytes(a, _mm_set_epi32(i + 0x0c0c0c0c, i + 0x08080808, i + 0x04040404, i));
}
/// a, with `added` set in the bytes where bits & mask is not zero. `mask` has four bytes a row.
ALT_SIMD_INLINE Bytes64 OrWhere(Bytes64 a, Bytes64 bits, int32_t mask, uint8_t added) {
  const __m256i m = _mm256_set1_epi32(mask);
  const __m256i add = _mm256_set1_epi8(static_cast<char>(added));
  const __m256i zero = _mm256_setzero_si256();
  const __m256i clear_lo = _mm256_cmpeq_epi8(_mm256_and_si256(bits.lo, m), zero);
  const __m256i clear_hi = _mm256_cmpeq_epi8(_mm256_and_si256(bits.hi, m), zero);
  return {_mm256_or_si256(a.lo, _mm256_andnot_si256(clear_lo, add)),
          _mm256_or_si256(a.hi, _mm256_andnot_si256(clear_hi, add))};
}
// ---- integer products: codes x activations (signed), summed by fours ----

// What follows works on one register's rows: 0..7 or 8..15.
constexpr int kRegisters = 2;  // of 16 rows

struct RowBytes4 {
  __m256i v;
};
struct RowI32 {
  __m256i v;
};
/// Four activations, the same for all rows.
ALT_SIMD_INLINE RowBytes4 Broadcast4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm256_set1_epi32(four)};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 RegisterOf(Bytes64 a) {
  return {kRegister == 0 ? a.lo : a.hi};
}
template <int kRegister>
ALT_SIMD_INLINE RowBytes4 LoadRegister(const uint8_t* p) {
  return {Load32Bytes(p + 32 * kRegister)};
}
ALT_SIMD_INLINE RowI32 SetRowI32(int32_t x) { return {_mm256_set1_epi32(x)}; }

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)
// vpdpbusd, as in simd_avx512.h: in the VEX form of AVX-VNNI, or in the EVEX form where this text
// is tested on machines that have AVX-512 instead.

constexpr int kSignedBias = 128;
ALT_SIMD_INLINE Bytes64 FromSigned(Bytes64 a) {
  const __m256i bias = _mm256_set1_epi8(static_cast<char>(kSignedBias));
  return {_mm256_xor_si256(a.lo, bias), _mm256_xor_si256(a.hi, bias)};
}

template <int kMaxCode>
constexpr int kStepsPerSum = 8;
template <int kMaxCode>
constexpr int kCodeClass = 255;

using DotSum = RowI32;
ALT_SIMD_INLINE DotSum StartDot(RowI32 sum) { return sum; }
template <int kMaxCode>
ALT_SIMD_INLINE DotSum DotStep(DotSum dot, RowBytes4 codes, RowBytes4 activations) {
#if defined(__AVXVNNI__)
  return {_mm256_dpbusd_avx_epi32(dot.v, codes.v, activations.v)};
#else
  return {_mm256_dpbusd_epi32(dot.v, codes.v, activations.v)};
#endif
}
ALT_SIMD_INLINE RowI32 FinishDot(RowI32 /*sum*/, DotSum dot) { return dot; }

#else
// vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits and saturates. Codes up
// to 63 are safe as they are. Signed 8-bit codes lend their sign to the activation and keep their
// magnitude: 2 x 128 x 127 = 32512 fits. (Activations are never -128, whose sign cannot turn.)

constexpr int kSignedBias = 0;  // signed codes stay signed
ALT_SIMD_INLINE Bytes64 FromSigned(Bytes64 a) { return a; }

/// Steps whose products may be summed in 16 bits: steps x 2 x kMaxCode x 127 <= 32767.
template <int kMaxCode>
constexpr int kStepsPerSum = kMaxCode <= 15   ? 8
                             : kMaxCode <= 31 ? 4
                             : kMaxCode <= 63 ? 2
                                              : 1;
/// The largest code that is multiplied in the same way.
template <int kMaxCode>
constexpr int kCodeClass = kMaxCode <= 15   ? 15
                           : kMaxCode <= 31 ? 31
                           : kMaxCode <= 63 ? 63
                                            : 255;

struct DotSum {
  __m256i v;  // 16-bit sums
};
ALT_SIMD_INLINE DotSum StartDot(RowI32 /*sum*/) { return {_mm256_setzero_si256()}; }
template <int kMaxCode>
ALT_SIMD_INLINE DotSum DotStep(DotSum dot, RowBytes4 codes, RowBytes4 activations) {
  const bool is_unsigned = kMaxCode <= 63;
  const __m256i u8 = is_unsigned ? codes.v : _mm256_abs_epi8(codes.v);
  const __m256i s8 = is_unsigned ? activations.v : _mm256_sign_epi8(activations.v, codes.v);
  __m256i sum = _mm256_add_epi16(dot.v, _mm256_maddubs_epi16(u8, s8));
  // Without this gcc turns the chain of sums into a tree and spills the products it needs for it.
  asm("" : "+x"(sum));
  return {sum};
}
ALT_SIMD_INLINE RowI32 FinishDot(RowI32 sum, DotSum dot) {
  __m256i total = _mm256_add_epi32(sum.v, _mm256_madd_epi16(dot.v, _mm256_set1_epi16(1)));
  asm("" : "+x"(total));  // as in DotStep
  return {total};
}
#endif

/// sum + isum * (scale * x_scale), in the rows of one register.
template <int kRegister>
ALT_SIMD_INLINE void AddScaled(RowI32 isum, F32x16 scale, float x_scale, F32x16* sum) {
  const __m256 rows = _mm256_cvtepi32_ps(isum.v);
  const __m256 x = _mm256_set1_ps(x_scale);
  if constexpr (kRegister == 0) {
    sum->lo = _mm256_fmadd_ps(rows, _mm256_mul_ps(scale.lo, x), sum->lo);
  } else {
    sum->hi = _mm256_fmadd_ps(rows, _mm256_mul_ps(scale.hi, x), sum->hi);
  }
}

// ---- 16-bit floats, two columns a row -> one vector a column ----

struct TwoColumns {
  F32x16 first, second;
};
ALT_SIMD_INLINE TwoColumns ColumnsFromBf16(const uint8_t* p) {
  const Bytes64 bits = LoadBytes(p);
  const __m256i upper = _mm256_set1_epi32(static_cast<int32_t>(0xffff0000u));
  return {{_mm256_castsi256_ps(_mm256_slli_epi32(bits.lo, 16)),
           _mm256_castsi256_ps(_mm256_slli_epi32(bits.hi, 16))},
          {_mm256_castsi256_ps(_mm256_and_si256(bits.lo, upper)),
           _mm256_castsi256_ps(_mm256_and_si256(bits.hi, upper))}};
}
ALT_SIMD_INLINE TwoColumns ColumnsFromF16(const uint8_t* p) {
  // In each half of 4 rows the first column's values move together, then the second's.
  const Bytes64 sorted = ShuffleBytes(
      LoadBytes(p), _mm_set_epi8(15, 14, 11, 10, 7, 6, 3, 2, 13, 12, 9, 8, 5, 4, 1, 0));
  const __m256i lo = _mm256_permute4x64_epi64(sorted.lo, 0xd8);
  const __m256i hi = _mm256_permute4x64_epi64(sorted.hi, 0xd8);
  return {
      {_mm256_cvtph_ps(_mm256_castsi256_si128(lo)), _mm256_cvtph_ps(_mm256_castsi256_si128(hi))},
      {_mm256_cvtph_ps(_mm256_extracti128_si256(lo, 1)),
       _mm256_cvtph_ps(_mm256_extracti128_si256(hi, 1))}};
}

ALT_SIMD_INLINE void Prefetch(const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}

}  // namespace
}  // namespace altteul::kernels
