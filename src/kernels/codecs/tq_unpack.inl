// SPDX-License-Identifier: Apache-2.0

// TQ1_0 and TQ2_0 at rest. Interface: nibbles_unpack.inl.
//   TQ1_0  [13][row][4] bytes of trits, [row] f16 d: 8 lines of five trits, 4 lines of five, and
//          one of four
//   TQ2_0  16 lines of codes (two_bits_unpack.inl), [row] f16 d

#pragma once

#include "kernels/codecs/two_bits_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackTQ1_0 {
  static constexpr size_t kTileCols = 256, kTileBytes = 832 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 2, kBias = 1;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    constexpr int kPowersOf3[5] = {1, 3, 9, 27, 81};
    // Columns 0..159, 160..239 and 240..255; see tq.h.
    int line = quad, trit = block;
    if (block >= 5) line = 8 + quad % 4, trit = 2 * (block - 5) + quad / 4;
    if (block == 7 && quad >= 4) line = 12, trit = quad - 4;
    return TopTrit(LoadBytes(tile + line * 64), kPowersOf3[trit]);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 832);
    for (int i = 0; i < 8; ++i) scales[i] = d;
  }
};

struct UnpackTQ2_0 {
  static constexpr size_t kTileCols = 256, kTileBytes = 1024 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 3, kBias = 1;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    return TwoBitQuad(tile, block, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 1024);
    for (int i = 0; i < 8; ++i) scales[i] = d;
  }
};

}  // namespace
}  // namespace altteul::kernels
