// SPDX-License-Identifier: Apache-2.0

// Q6_K at rest: 32 lines of low nibbles, 16 lines of upper bit pairs, [16][row] signed scales,
// [row] f16 d. In each half of 128 columns, block s = 0..3 has the low (s < 2) or high nibbles of
// lines 8 (s mod 2) .. + 7 of the half, and bits 2s, 2s + 1 of the half's 8 upper lines. Interface:
// nibbles_unpack.inl.

#pragma once

namespace altteul::kernels {
namespace {

struct UnpackQ6_K {
  static constexpr size_t kTileCols = 256, kTileBytes = 2048 + 1024 + 256 + 32;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 63, kBias = 32;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const int half = block / 4;
    const int s = block % 4;
    const Bytes64 low = LoadBytes(tile + (half * 16 + s % 2 * 8 + quad) * 64);
    const Bytes64 upper = LoadBytes(tile + 2048 + (half * 8 + quad) * 64);
    const Bytes64 pair = And(ShiftRight(upper, 2 * s), 3);
    return Or(And(ShiftRight(low, s / 2 * 4), 15), ShiftLeft(pair, 4));
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 3328);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) scales[i] = Mul(d, ToF32(LoadI8(tile + 3072 + 16 * i)));
  }
};

}  // namespace
}  // namespace altteul::kernels
