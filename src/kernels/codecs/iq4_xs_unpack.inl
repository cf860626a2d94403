// SPDX-License-Identifier: Apache-2.0

// IQ4_XS at rest: 32 lines of nibbles (4 a block of 32 columns), [row][4] low halves of the scales,
// [row] u16 of their upper bits, [row] f16 d. Nibbles as in IQ4_NL. Interface: nibbles_unpack.inl.

#pragma once

#include "kernels/codecs/iq4_nl_unpack.inl"

namespace altteul::kernels {
namespace {

struct UnpackIQ4_XS {
  static constexpr size_t kTileCols = 256, kTileBytes = 2048 + 64 + 32 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return NibbleQuadAt(step); }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    return Lookup16(kIq4NlCodes, NibbleQuad(tile + 256 * block, quad));
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const I32x16 low = LoadI32(tile + 2048);
    const I32x16 high = LoadU16(tile + 2112);
    const F32x16 d = LoadF16(tile + 2144);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const I32x16 six = Or(Bits(low, 4 * i, 4), ShiftLeft<4>(Bits(high, 2 * i, 2)));
      scales[i] = Mul(d, ToF32(Add(six, SetI32(-32))));
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
