// SPDX-License-Identifier: Apache-2.0

// Q8_0 at rest: [8][row][4] signed codes, [row] f16 scales. Interface: nibbles_unpack.inl.

#pragma once

namespace altteul::kernels {
namespace {

struct UnpackQ8_0 {
  static constexpr size_t kTileCols = 32, kTileBytes = 512 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int /*block*/, int quad) {
    return FromSigned(LoadBytes(tile + 64 * quad));
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    scales[0] = LoadF16(tile + 512);
  }
};

}  // namespace
}  // namespace altteul::kernels
