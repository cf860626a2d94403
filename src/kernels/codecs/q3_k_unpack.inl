// SPDX-License-Identifier: Apache-2.0

// Q3_K at rest: 16 lines of low bits (two_bits_unpack.inl), 8 lines of third bits (bit b of byte j:
// column j of block b), [3][row][4] bytes of scales, [row] f16 d. Interface: nibbles_unpack.inl.

#pragma once

#include "kernels/codecs/two_bits_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackQ3_K {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 512 + 192 + 32;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 7, kBias = 4;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const Bytes64 thirds = And(ShiftRight(LoadBytes(tile + 1024 + 64 * quad), block), 1);
    return Or(TwoBitQuad(tile, block, quad), ShiftLeft(thirds, 2));
  }
  /// Scale i: its low nibble in byte i mod 8 of the first two words, the rest in the third.
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const I32x16 lows[2] = {LoadI32(tile + 1536), LoadI32(tile + 1600)};
    const I32x16 high = LoadI32(tile + 1664);
    const F32x16 d = LoadF16(tile + 1728);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const I32x16 low = Bits(lows[i / 4 % 2], i % 4 * 8 + i / 8 * 4, 4);
      const I32x16 six = Or(low, ShiftLeft<4>(Bits(high, i % 4 * 8 + i / 4 * 2, 2)));
      scales[i] = Mul(d, ToF32(Add(six, SetI32(-32))));
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
