// SPDX-License-Identifier: Apache-2.0

// IQ2_XXS, IQ2_XS and IQ2_S at rest; b is a block of 32 columns. Interface: nibbles_unpack.inl.
//   IQ2_XXS  [16][row][4]: line 2b is four indices, line 2b + 1 their signs and the scale; f16 d
//   IQ2_XS   [16][row][4]: an index and its signs in 16 bits, two a line; [2][row][4] scales; f16 d
//   IQ2_S    [8][row][4] low bytes of the indices, [8][row][4] signs, [2][row][4] high bits of the
//            indices, [2][row][4] scales; f16 d

#pragma once

#include "kernels/codecs/iq_signs_unpack.inl"

namespace altteul::kernels {
namespace {

constexpr uint8_t Iq2Code(int level) { return static_cast<uint8_t>(level + kSignedBias); }

/// kIq2Levels and their negatives.
constexpr uint8_t kIq2Codes[16] = {Iq2Code(8),  Iq2Code(25),  Iq2Code(43),  0, 0, 0, 0, 0,
                                   Iq2Code(-8), Iq2Code(-25), Iq2Code(-43), 0, 0, 0, 0, 0};

/// d * (0.5 + four) * 0.25: every step is exact.
ALT_SIMD_INLINE F32x16 Iq2Scale(F32x16 d, I32x16 four) {
  return Mul(Mul(d, SetF32(0.125f)), ToF32(Add(Add(four, four), SetI32(1))));
}

/// 16 scales in the nibbles of two lines.
ALT_SIMD_INLINE void Iq2Scales(const uint8_t* lines, F32x16 d, F32x16* scales) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    scales[i] = Iq2Scale(d, Bits(LoadI32(lines + i / 8 * 64), i % 8 * 4, 4));
  }
}

struct UnpackIQ2_XXS {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const uint8_t* lines = tile + 128 * block;
    const I32x16 index = WidenBytes(LoadI32(lines), quad / 4);
    const Bytes64 codes = SpreadPairs(LookupPairs<256>(kIq2XxsCodebook, index), quad % 4);
    const Bytes64 signs = EvenSignsOfWord(LoadI32(lines + 64), quad / 4);
    return SignedQuad(kIq2Codes, codes, signs, quad / 2 % 2 * 2, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 1024);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      scales[i] = Iq2Scale(d, ShiftRight<28>(LoadI32(tile + 128 * i + 64)));
    }
  }
};

struct UnpackIQ2_XS {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 128 + 32;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const I32x16 pair = LoadI32(tile + (2 * block + quad / 4) * 64);
    const I32x16 index = And(pair, SetI32(0x01ff01ff));
    const Bytes64 codes = SpreadPairs(LookupPairs<512>(kIq2XsCodebook, index), quad % 4);
    const Bytes64 signs = EvenSigns(And(ShiftRight<9>(pair), SetI32(0x007f007f)));
    return SignedQuad(kIq2Codes, codes, signs, quad / 2 % 2 * 2, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    Iq2Scales(tile + 1024, LoadF16(tile + 1152), scales);
  }
};

struct UnpackIQ2_S {
  static constexpr size_t kTileCols = 256, kTileBytes = 512 + 512 + 128 + 128 + 32;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const I32x16 low = WidenBytes(LoadI32(tile + 64 * block), quad / 4);
    const I32x16 high = LoadI32(tile + 1024 + block / 4 * 64);
    const int first = block % 4 * 8 + quad / 4 * 4;
    const I32x16 index = Or(low, HighBits<2, 2>(Bits(high, first, 4)));
    const Bytes64 codes = SpreadPairs(LookupPairs<1024>(kIq2SCodebook, index), quad % 4);
    return SignedQuad(kIq2Codes, codes, LoadBytes(tile + 512 + 64 * block), quad / 2, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    Iq2Scales(tile + 1152, LoadF16(tile + 1280), scales);
  }
};

}  // namespace
}  // namespace altteul::kernels
