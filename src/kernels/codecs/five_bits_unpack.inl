// SPDX-License-Identifier: Apache-2.0

// Shared by Q5_0 and Q5_1 at rest: nibbles [4][row][4], then the fifth bits, one u32 a row with
// column j's in bit j.

#pragma once

#include "kernels/codecs/nibbles_unpack.inl"

namespace altteul::kernels {
namespace {

ALT_SIMD_INLINE Bytes64 FiveBitQuad(const uint8_t* tile, int quad) {
  // Columns 4q .. 4q + 3 have bits 0..3 (even q) or 4..7 (odd q) of byte q / 2.
  const Bytes64 fifths = RepeatByte(LoadBytes(tile + 256), quad / 2);
  const uint32_t mask = quad % 2 == 0 ? 0x08040201u : 0x80402010u;
  return OrWhere(NibbleQuad(tile, quad), fifths, static_cast<int32_t>(mask), 16);
}

}  // namespace
}  // namespace altteul::kernels
