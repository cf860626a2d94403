// SPDX-License-Identifier: Apache-2.0

// Eight floats at a time, for files compiled with AVX2, FMA and F16C. See float_avx512.h for the
// meaning of each name and for the rule that files of one instruction set obey.

#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {
namespace {

using Vec = __m256;

constexpr size_t kLanes = 8;
struct F32Cells;
using FastCells = F32Cells;  ///< what attention multiplies in, see kv_cache.inl

constexpr size_t kWidestPass = 1;  ///< groups of 16 sums that 16 registers hold for six rows

inline Vec Zero() { return _mm256_setzero_ps(); }
inline Vec Set1(float x) { return _mm256_set1_ps(x); }
inline Vec Add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec Fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
inline Vec Sqrt(Vec a) { return _mm256_sqrt_ps(a); }
inline Vec Min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec Max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec Abs(Vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
inline Vec RoundToEven(Vec a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec WithSignOf(Vec a, Vec b) {
  return _mm256_or_ps(a, _mm256_and_ps(b, _mm256_set1_ps(-0.0f)));
}

inline Vec Select(uint32_t lanes, Vec yes, Vec no) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(lanes)), bit);
  return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bit)));
}
inline Vec SelectLess(Vec a, Vec b, Vec yes, Vec no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

/// Builds 2^n from its exponent field.
inline Vec ScaleByPowerOf2(Vec a, Vec n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

inline __m256i FirstLanes(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline Vec Load(const float* p) { return _mm256_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline Vec LoadPart(const float* p, size_t n) { return _mm256_maskload_ps(p, FirstLanes(n)); }
inline void StorePart(float* p, Vec a, size_t n) { _mm256_maskstore_ps(p, FirstLanes(n), a); }

inline Vec LoadF16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void StoreF16(uint16_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline Vec LoadBf16(const uint16_t* p) {
  const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}
inline Vec LoadNibbles(const uint8_t* p, int shift) {
  const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return _mm256_cvtepi32_ps(
      _mm256_and_si256(_mm256_srli_epi32(bytes, shift), _mm256_set1_epi32(15)));
}
inline void StoreS8(int8_t* p, Vec a) {
  const __m256i wide = _mm256_cvtps_epi32(a);
  const __m128i half =
      _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
}

inline Vec LoadTwice(const float* p) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), twice);
}
inline Vec LoadTwicePart(const float* p, size_t n) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  return _mm256_permutevar8x32_ps(LoadPart(p, n), twice);
}
inline Vec SwapNeighbours(Vec a) { return _mm256_permute_ps(a, 0xB1); }
inline Vec NegateEven(Vec a) {
  return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000)));
}

inline float FirstLane(Vec a) { return _mm256_cvtss_f32(a); }

inline Vec MaxOfLanes(Vec a) {
  a = _mm256_max_ps(a, _mm256_permute2f128_ps(a, a, 1));
  a = _mm256_max_ps(a, _mm256_permute_ps(a, 0x4E));
  return _mm256_max_ps(a, _mm256_permute_ps(a, 0xB1));
}
inline Vec SumOfLanes(Vec a) {
  a = _mm256_add_ps(a, _mm256_permute2f128_ps(a, a, 1));
  a = _mm256_add_ps(a, _mm256_permute_ps(a, 0x4E));
  return _mm256_add_ps(a, _mm256_permute_ps(a, 0xB1));
}

// --- products of bytes, see attention_q8.inl ----------------------------------------------------

using Ints [[gnu::vector_size(32)]] = int32_t;

inline __m256i Bits(Ints a) { return reinterpret_cast<__m256i>(a); }
inline Ints AsInts(__m256i a) { return reinterpret_cast<Ints>(a); }
inline Ints SetInts(int32_t x) { return AsInts(_mm256_set1_epi32(x)); }
inline Ints LoadInts(const void* p) {
  return AsInts(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
inline int32_t FourBytes(const void* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return four;
}
inline Vec ToFloat(Ints a) { return _mm256_cvtepi32_ps(Bits(a)); }

constexpr int32_t kKeyBias = 0;

/// vpmaddubsw takes unsigned bytes on one side: the key's sign moves to the query. Two products of
/// at most 128 * 127 fit in 16 bits.
inline Ints DotKeys(Ints keys, Ints query, Ints sum) {
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_abs_epi8(Bits(keys)), _mm256_sign_epi8(Bits(query), Bits(keys)));
  return sum + AsInts(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// Weights as words, because vpmaddwd takes all 14 bits at once.
inline void StoreWeights(const Vec* x, std::byte* weights) {
  for (size_t i = 0; i < 4; ++i, x += 2) {
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + i * 32),
                        _mm256_permute4x64_epi64(words, 0xD8));
  }
}
struct FourWeights {
  __m256i words;
  FourWeights(const std::byte* weights, size_t four) {
    long long bits;
    __builtin_memcpy(&bits, weights + four * 8, sizeof bits);
    words = _mm256_set1_epi64x(bits);
  }
};
/// Each sum is of four of head_dim, and of each two pairs of keys.
inline void AddValues(const FourWeights& weights, const std::byte* values, Ints sums[2]) {
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; ++i) {
    const auto* codes = reinterpret_cast<const __m128i*>(values + i * 16);
    const __m256i words = _mm256_cvtepi8_epi16(_mm_loadu_si128(codes));
    sums[i] += AsInts(_mm256_madd_epi16(words, weights.words));
  }
}
inline Vec JoinSums(const Ints sums[2]) {
  const __m256i joined = _mm256_hadd_epi32(Bits(sums[0]), Bits(sums[1]));
  return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(joined, 0xD8));
}

inline float F16ScalarToF32(uint16_t half) { return _cvtsh_ss(half); }
inline uint16_t F32ScalarToF16(float x) {
  return static_cast<uint16_t>(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
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
