// SPDX-License-Identifier: Apache-2.0

// Shared by the unpack policies of 32-column blocks: two 4-bit codes a byte, column j in the low
// nibble of byte j and column j + 16 in its high nibble. At rest 4 lines of 64 bytes: [4][row][4].
//
// An unpack policy of P8 says how a tile at rest (codec.h) becomes codes and scales:
//   kTileCols, kTileBytes  of one tile of 16 rows
//   kScaleCols             columns that share a scale: 16 or 32
//   kMaxCode, kBias        a weight is scale * (code - kBias) + min, codes in [0, kMaxCode];
//                          kMaxCode 255 stands for signed codes (see FromSigned)
//   kHasMin                whether there are minimums, as many as scales
//   QuadAt(step)           which four columns of a block to take in which step (0..7): quads that
//                          share a load are neighbours. Integer sums do not mind the order.
//   Quad(tile, block, q)   codes of columns 4q .. 4q + 3 of a 32-column block
//   Scales(tile, ...)      kTileCols / kScaleCols scales, and as many minimums
// It is written on the names of x86/simd_*.h, which must be included before.

#pragma once

namespace altteul::kernels {
namespace {

ALT_SIMD_INLINE Bytes64 NibbleQuad(const uint8_t* lines, int quad) {
  const Bytes64 line = LoadBytes(lines + 64 * (quad & 3));
  return And(quad < 4 ? line : ShiftRight(line, 4), 15);
}

/// Low and high nibbles of a line in turn.
constexpr int NibbleQuadAt(int step) { return (step >> 1) + 4 * (step & 1); }

}  // namespace
}  // namespace altteul::kernels
