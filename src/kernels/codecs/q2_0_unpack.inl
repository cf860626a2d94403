// SPDX-License-Identifier: Apache-2.0

// Q2_0 at rest: [4][row][4] bytes of four neighbours' codes, [row] f16 scales. Interface:
// nibbles_unpack.inl.

#pragma once

namespace altteul::kernels {
namespace {

struct UnpackQ2_0 {
  static constexpr size_t kTileCols = 64, kTileBytes = 256 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 3, kBias = 1;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    return SpreadPairs(LoadBytes(tile + (block * 2 + quad / 4) * 64), quad % 4);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    scales[0] = scales[1] = LoadF16(tile + 256);
  }
};

}  // namespace
}  // namespace altteul::kernels
