// SPDX-License-Identifier: Apache-2.0

// IQ1_S and IQ1_M at rest; b is a block of 32 columns. Interface: nibbles_unpack.inl.
//   IQ1_S  [8][row][4] low bytes of the indices, [4][row][4]: 16 bits of each block; f16 d
//   IQ1_M  [8][row][4] low bytes of the indices, [4][row][4]: a nibble an index, 16 bits a block;
//          [2][row][4] scales with the parts of d
// A weight is an eighth of 8 * trit + 1 or 8 * trit - 1, times the scale.

#pragma once

#include "kernels/codecs/iq_signs_unpack.inl"

namespace altteul::kernels {
namespace {

// 8 * (code - 1) + 1 and, with a minus, 8 * (code - 1) - 1; plus 9.
constexpr int kIq1Bias = 9;
constexpr uint8_t kIq1Codes[16] = {2, 10, 18, 0, 0, 0, 0, 0, 0, 8, 16, 0, 0, 0, 0, 0};

/// @param high   the high bits of two indices
/// @param minus  a bit of one byte, which is the minus for these four columns
ALT_SIMD_INLINE Bytes64 Iq1Quad(const uint8_t* low_line, I32x16 high, Bytes64 minus, uint32_t mask,
                                int quad) {
  const I32x16 index = Or(WidenBytes(LoadI32(low_line), quad / 4), high);
  const Bytes64 codes = SpreadPairs(LookupPairs<2048>(kIq1Codebook, index), quad % 4);
  return Lookup16(kIq1Codes, OrWhere(codes, minus, static_cast<int32_t>(mask), 8));
}

/// d * (2 * three + 1) / 8: every step is exact.
ALT_SIMD_INLINE F32x16 Iq1Scale(F32x16 d, I32x16 three) {
  return Mul(Mul(d, SetF32(0.125f)), ToF32(Add(Add(three, three), SetI32(1))));
}

struct UnpackIQ1_S {
  static constexpr size_t kTileCols = 256, kTileBytes = 512 + 256 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 18, kBias = kIq1Bias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const uint8_t* line = tile + 512 + block / 2 * 64;
    const int first = block % 2 * 16;
    const I32x16 high = HighBits<3, 3>(Bits(LoadI32(line), first + quad / 4 * 6, 6));
    const Bytes64 minus = RepeatByte(ShiftRight(LoadBytes(line), first), 1);
    return Iq1Quad(tile + 64 * block, high, minus, 0x80808080u, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 768);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      scales[i] = Iq1Scale(d, Bits(LoadI32(tile + 512 + i / 2 * 64), i % 2 * 16 + 12, 3));
    }
  }
};

struct UnpackIQ1_M {
  static constexpr size_t kTileCols = 256, kTileBytes = 512 + 256 + 128;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 18, kBias = kIq1Bias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const uint8_t* line = tile + 512 + block / 2 * 64;
    const int first = block % 2 * 16;
    const I32x16 high = HighBits<4, 3>(Bits(LoadI32(line), first + quad / 4 * 8, 8));
    const Bytes64 minus = RepeatByte(ShiftRight(LoadBytes(line), first), quad / 4);
    return Iq1Quad(tile + 64 * block, high, minus, quad / 2 % 2 == 0 ? 0x08080808u : 0x80808080u,
                   quad);
  }
  /// Four words of 16 bits: four 3-bit scales each, and above them a nibble of the f16 d.
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const I32x16 words[2] = {LoadI32(tile + 768), LoadI32(tile + 832)};
    const I32x16 low = Or(Bits(words[0], 12, 4), ShiftLeft<4>(Bits(words[0], 28, 4)));
    const I32x16 high = Or(Bits(words[1], 12, 4), ShiftLeft<4>(Bits(words[1], 28, 4)));
    const F32x16 d = F16ToF32(Or(low, ShiftLeft<8>(high)));
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      scales[i] = Iq1Scale(d, Bits(words[i / 8], i / 4 % 2 * 16 + i % 4 * 3, 3));
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
