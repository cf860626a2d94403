// SPDX-License-Identifier: Apache-2.0

// Q4_K at rest: 32 lines of nibbles and the scales of six_bit_scales_unpack.inl. Interface:
// nibbles_unpack.inl.

#pragma once

#include "kernels/codecs/six_bit_scales_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackQ4_K {
  static constexpr size_t kTileCols = 256, kTileBytes = 2048 + 192 + 64;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 15, kBias = 0;
  static constexpr bool kHasMin = true;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    return SuperBlockNibbleQuad(tile, block, quad);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* mins) {
    SixBitScales(tile + 2048, scales, mins);
  }
};

}  // namespace
}  // namespace altteul::kernels
