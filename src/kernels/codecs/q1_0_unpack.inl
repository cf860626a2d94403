// SPDX-License-Identifier: Apache-2.0

// Q1_0 at rest: [4][row][4] bytes, column j of a line in bit j mod 8 of byte j / 8; [row] f16
// scales. Interface: nibbles_unpack.inl.

#pragma once

namespace altteul::kernels {
namespace {

struct UnpackQ1_0 {
  static constexpr size_t kTileCols = 128, kTileBytes = 256 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 2, kBias = 1;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return step; }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const Bytes64 bits = RepeatByte(LoadBytes(tile + 64 * block), quad / 2);
    const uint32_t mask = quad % 2 == 0 ? 0x08040201u : 0x80402010u;
    return OrWhere(AsBytes(ZeroI32()), bits, static_cast<int32_t>(mask), 2);
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const F32x16 d = LoadF16(tile + 256);
    for (int i = 0; i < 4; ++i) scales[i] = d;
  }
};

}  // namespace
}  // namespace altteul::kernels
