// SPDX-License-Identifier: Apache-2.0

// IQ3_XXS and IQ3_S at rest; b is a block of 32 columns. Interface: nibbles_unpack.inl.
//   IQ3_XXS  [16][row][4] indices, [8][row][4]: line b its signs and scale; f16 d
//   IQ3_S    [16][row][4] low bytes of the indices, [2][row][4] their ninth bits (byte b),
//            [8][row][4] signs, [row][4] scales; f16 d

#pragma once

#include "kernels/codecs/iq_signs_unpack.inl"

namespace altteul::kernels {
namespace {

// Half of kIq3XxsLevels and their negatives, plus 32; the scale is doubled instead.
constexpr uint8_t kIq3XxsCodes[16] = {34, 38, 42, 46, 50, 54, 58, 63, 30, 26, 22, 18, 14, 10, 6, 1};

// 2 * code + 1 and its negative, plus 16.
constexpr uint8_t kIq3SCodes[16] = {17, 19, 21, 23, 25, 27, 29, 31, 15, 13, 11, 9, 7, 5, 3, 1};

/// The low bytes of the indices of a quad and its neighbour.
ALT_SIMD_INLINE I32x16 Iq3LowIndex(const uint8_t* tile, int block, int quad) {
  return WidenBytes(LoadI32(tile + (2 * block + quad / 4) * 64), quad / 2 % 2);
}

ALT_SIMD_INLINE F32x16 Iq3Scale(F32x16 d, I32x16 four) {
  return Mul(d, ToF32(Add(Add(four, four), SetI32(1))));
}

struct UnpackIQ3_XXS {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 512 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 63, kBias = 32;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const I32x16 index = Iq3LowIndex(tile, block, quad);
    const Bytes64 codes = SpreadNibbles(LookupPairs<256>(kIq3XxsCodebook, index), quad % 2);
    const Bytes64 signs = EvenSignsOfWord(LoadI32(tile + 1024 + 64 * block), quad / 4);
    return SignedQuad(kIq3XxsCodes, codes, signs, quad / 2 % 2 * 2, quad);
  }
  /// d * (0.5 + four) * 0.5, doubled: every step is exact.
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 half_d = Mul(LoadF16(tile + 1536), SetF32(0.5f));
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      scales[i] = Iq3Scale(half_d, ShiftRight<28>(LoadI32(tile + 1024 + 64 * i)));
    }
  }
};

struct UnpackIQ3_S {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 128 + 512 + 64 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 31, kBias = 16;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const I32x16 ninths = LoadI32(tile + 1024 + block / 4 * 64);
    const I32x16 high = HighBits<1, 1>(Bits(ninths, block % 4 * 8 + quad / 2 * 2, 2));
    const I32x16 index = Or(Iq3LowIndex(tile, block, quad), high);
    const Bytes64 codes = SpreadNibbles(LookupPairs<512>(kIq3SCodebook, index), quad % 2);
    return SignedQuad(kIq3SCodes, codes, LoadBytes(tile + 1152 + 64 * block), quad / 2, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 1728);
    const I32x16 four = LoadI32(tile + 1664);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) scales[i] = Iq3Scale(d, Bits(four, 4 * i, 4));
  }
};

}  // namespace
}  // namespace altteul::kernels
