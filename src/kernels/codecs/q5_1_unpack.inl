// SPDX-License-Identifier: Apache-2.0

// Q5_1 at rest: [4][row][4] bytes of nibbles, [row] u32 of fifth bits, [row] f16 scales, [row] f16
// minimums.

#pragma once

#include "kernels/codecs/five_bits_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackQ5_1 {
  static constexpr size_t kTileCols = 32, kTileBytes = 256 + 64 + 32 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 31, kBias = 0;
  static constexpr bool kHasMin = true;

  static constexpr int QuadAt(int step) { return NibbleQuadAt(step); }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int /*block*/, int quad) {
    return FiveBitQuad(tile, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* mins) {
    scales[0] = LoadF16(tile + 320);
    mins[0] = LoadF16(tile + 352);
  }
};

}  // namespace
}  // namespace altteul::kernels
