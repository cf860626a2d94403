// SPDX-License-Identifier: Apache-2.0

// Sixteen floats at a time, for files compiled with AVX-512 (F, BW, DQ, VL, VNNI), with BF16 or
// without.
//
// float_avx2.h has the same names for eight. Rule of every file compiled for one instruction set:
// it includes intrinsics, integers and plain structs only, calls no inline function of the standard
// library but the accessors of std::span, and keeps everything but its entry points in anonymous
// namespaces. Otherwise the linker may pick its copy of a shared inline function for all machines.

#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {
namespace {

using Vec = __m512;

constexpr size_t kLanes = 16;
constexpr size_t kWidestPass = 4;  ///< groups of 16 sums that 32 registers hold for six rows

inline Vec Zero() { return _mm512_setzero_ps(); }
inline Vec Set1(float x) { return _mm512_set1_ps(x); }
inline Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }    // a * b + c
inline Vec Fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a * b
inline Vec Sqrt(Vec a) { return _mm512_sqrt_ps(a); }
inline Vec Min(Vec a, Vec b) { return _mm512_min_ps(a, b); }  // b where one is NaN
inline Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }  // b where one is NaN
inline Vec Abs(Vec a) { return _mm512_abs_ps(a); }
inline Vec RoundToEven(Vec a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/// The magnitude of a (which has no sign) with the sign of b.
inline Vec WithSignOf(Vec a, Vec b) {
  return _mm512_or_ps(a, _mm512_and_ps(b, _mm512_set1_ps(-0.0f)));
}

/// `yes` in the lanes whose bit is set, `no` in the others.
inline Vec Select(uint32_t lanes, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(static_cast<__mmask16>(lanes), no, yes);
}

/// a < b ? yes : no, and `no` where one is NaN.
inline Vec SelectLess(Vec a, Vec b, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}

/// a * 2^n for integral n in [-126, 127].
inline Vec ScaleByPowerOf2(Vec a, Vec n) { return _mm512_scalef_ps(a, n); }

inline __mmask16 FirstLanes(size_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline Vec Load(const float* p) { return _mm512_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm512_storeu_ps(p, a); }

/// The first n < kLanes floats, zeros above. Touches no byte beyond them.
inline Vec LoadPart(const float* p, size_t n) { return _mm512_maskz_loadu_ps(FirstLanes(n), p); }
inline void StorePart(float* p, Vec a, size_t n) { _mm512_mask_storeu_ps(p, FirstLanes(n), a); }

inline Vec LoadF16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline void StoreF16(uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline Vec LoadBf16(const uint16_t* p) {
  const __m512i bits =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}
/// Codes of 4 bits: those of the bytes whose lowest bit is `shift`.
inline Vec LoadNibbles(const uint8_t* p, int shift) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(bytes, static_cast<unsigned>(shift)),
                                             _mm512_set1_epi32(15)));
}
/// Integral values in [-128, 127].
inline void StoreS8(int8_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}

/// x0 x0 x1 x1 ... of eight floats; LoadTwicePart reads only n < 8 of them.
inline Vec LoadTwice(const float* p) {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}
inline Vec LoadTwicePart(const float* p, size_t n) {
  const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(FirstLanes(n), p));
}
/// x1 x0 x3 x2 ...
inline Vec SwapNeighbours(Vec a) { return _mm512_permute_ps(a, 0xB1); }
/// -x0 x1 -x2 x3 ...
inline Vec NegateEven(Vec a) {
  return _mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi64(0x80000000)));
}

inline float FirstLane(Vec a) { return _mm512_cvtss_f32(a); }

/// The largest lane, in all lanes. Not for NaN.
inline Vec MaxOfLanes(Vec a) {
  a = _mm512_max_ps(a, _mm512_shuffle_f32x4(a, a, 0x4E));
  a = _mm512_max_ps(a, _mm512_shuffle_f32x4(a, a, 0xB1));
  a = _mm512_max_ps(a, _mm512_permute_ps(a, 0x4E));
  return _mm512_max_ps(a, _mm512_permute_ps(a, 0xB1));
}
/// The sum of the lanes in all lanes: halves, quarters, pairs, neighbours.
inline Vec SumOfLanes(Vec a) {
  a = _mm512_add_ps(a, _mm512_shuffle_f32x4(a, a, 0x4E));
  a = _mm512_add_ps(a, _mm512_shuffle_f32x4(a, a, 0xB1));
  a = _mm512_add_ps(a, _mm512_permute_ps(a, 0x4E));
  return _mm512_add_ps(a, _mm512_permute_ps(a, 0xB1));
}

#ifdef __AVX512BF16__

/// Two bf16 in the place of one float, the first in the lower half. See kv_cache.inl.
struct Bf16Cells {
  static constexpr size_t kValues = 2;

  static Vec Step(Vec a, Vec b, Vec sum) {
    return _mm512_dpbf16_ps(sum, AsPairs(_mm512_castps_si512(a)), AsPairs(_mm512_castps_si512(b)));
  }
  /// (first_0, second_0), (first_1, second_1), ... rounded to nearest even.
  static Vec Pack(Vec first, Vec second) {
    alignas(64) static constexpr uint16_t kPlaces[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                         21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                         11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_castsi512_ps(
        _mm512_permutexvar_epi16(_mm512_load_si512(kPlaces), InOrder(first, second)));
  }
  /// (a_0, a_1), (a_2, a_3), ..., (b_14, b_15).
  static Vec PackNeighbours(Vec a, Vec b) { return _mm512_castsi512_ps(InOrder(a, b)); }
  static Vec KeepFirst(Vec cells) { return And(cells, 0x0000ffff); }
  static Vec KeepSecond(Vec cells) { return And(cells, static_cast<int32_t>(0xffff0000)); }

  /// e^x for x <= 0 within 4e-6 of its value: a weight is rounded to bf16 (4e-3) afterwards.
  /// The fit of 2^f is our own (relative minimax, degree 4). NaN for NaN.
  static Vec Exp(Vec x) {
    const Vec t = Mul(Max(Set1(-88.0f), x), Set1(0x1.715476p+0f));
    const Vec f = Sub(t, _mm512_roundscale_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
    Vec p = Set1(0x1.bb7cd4p-7f);
    p = Fma(p, f, Set1(0x1.aa13f2p-5f));
    p = Fma(p, f, Set1(0x1.ee798ap-3f));
    p = Fma(p, f, Set1(0x1.62d166p-1f));
    p = Fma(p, f, Set1(0x1.00002cp+0f));
    return _mm512_scalef_ps(p, t);  // by the integer below t
  }

 private:
  static __m512bh AsPairs(__m512i bits) {
    __m512bh pairs;
    __builtin_memcpy(&pairs, &bits, sizeof bits);
    return pairs;
  }
  static __m512i InOrder(Vec low, Vec high) {
    const __m512bh pairs = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    __builtin_memcpy(&bits, &pairs, sizeof bits);
    return bits;
  }
  static Vec And(Vec cells, int32_t mask) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(cells), _mm512_set1_epi32(mask)));
  }
};
using FastCells = Bf16Cells;  ///< what attention multiplies in

#else

struct F32Cells;
using FastCells = F32Cells;  ///< what attention multiplies in, see kv_cache.inl

#endif

// --- products of bytes, see attention_q8.inl ----------------------------------------------------

/// kLanes integers, or as many groups of four bytes. Not __m512i, whose elements are others: GCC
/// would keep arrays of sums in memory beside their registers.
using Ints [[gnu::vector_size(64)]] = int32_t;

inline __m512i Bits(Ints a) { return reinterpret_cast<__m512i>(a); }
inline Ints AsInts(__m512i a) { return reinterpret_cast<Ints>(a); }
inline Ints SetInts(int32_t x) { return AsInts(_mm512_set1_epi32(x)); }
inline Ints LoadInts(const void* p) { return AsInts(_mm512_loadu_si512(p)); }
inline int32_t FourBytes(const void* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return four;
}
inline Vec ToFloat(Ints a) { return _mm512_cvtepi32_ps(Bits(a)); }

/// vpdpbusd takes unsigned bytes on one side, so keys are multiplied as if each were larger by 128.
constexpr int32_t kKeyBias = 128;

/// sum + the products of four signed bytes each + kKeyBias * the sum of the query's four.
inline Ints DotKeys(Ints keys, Ints query, Ints sum) {
  const __m512i biased = _mm512_xor_si512(Bits(keys), _mm512_set1_epi8(-128));
  return AsInts(_mm512_dpbusd_epi32(Bits(sum), biased, Bits(query)));
}
/// Weights of 64 keys, integers of 14 bits: the upper seven of each, then the lower seven.
inline void StoreWeights(const Vec* x, std::byte* weights) {
  const __m512i a = _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
  const __m512i b = _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
  const __m512i digit = _mm512_set1_epi16(127);
  const __m512i high = _mm512_packus_epi16(_mm512_srli_epi16(a, 7), _mm512_srli_epi16(b, 7));
  const __m512i low = _mm512_packus_epi16(_mm512_and_si512(a, digit), _mm512_and_si512(b, digit));
  // Packing works in quarters of a register: fours of keys come as 0, 4, 8, 12, 1, 5, ...
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(weights, _mm512_permutexvar_epi32(order, high));
  _mm512_storeu_si512(weights + 64, _mm512_permutexvar_epi32(order, low));
}
/// The weights of the four keys from 4 * four on.
struct FourWeights {
  Ints high;
  Ints low;
  FourWeights(const std::byte* weights, size_t four)
      : high(SetInts(FourBytes(weights + four * 4))),
        low(SetInts(FourBytes(weights + four * 4 + 64))) {}
};
/// sums + the four keys' values times their weights, for kLanes of head_dim.
inline void AddValues(const FourWeights& weights, const std::byte* values, Ints sums[2]) {
  const __m512i codes = _mm512_loadu_si512(values);
  sums[0] = AsInts(_mm512_dpbusd_epi32(Bits(sums[0]), Bits(weights.high), codes));
  sums[1] = AsInts(_mm512_dpbusd_epi32(Bits(sums[1]), Bits(weights.low), codes));
}
inline Vec JoinSums(const Ints sums[2]) { return ToFloat(sums[0] * 128 + sums[1]); }

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
