// SPDX-License-Identifier: Apache-2.0

// Shared by Q2_K, Q3_K and TQ2_0 at rest: 16 lines of 2-bit codes. Block r = 0..3 of each half of
// 128 columns is bits 2r and 2r + 1 of the half's 8 lines.

#pragma once

namespace altteul::kernels {
namespace {

ALT_SIMD_INLINE Bytes64 TwoBitQuad(const uint8_t* lines, int block, int quad) {
  const Bytes64 line = LoadBytes(lines + (block / 4 * 8 + quad) * 64);
  return And(ShiftRight(line, block % 4 * 2), 3);
}

}  // namespace
}  // namespace altteul::kernels
