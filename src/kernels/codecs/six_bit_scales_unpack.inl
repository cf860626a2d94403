// SPDX-License-Identifier: Apache-2.0

// Shared by Q4_K and Q5_K at rest: their 256-column tiles end with the 12 bytes of six_bit_scales.h
// as [3][row][4], then [row] f16 d, [row] f16 dmin. And their nibbles: [32][row][4], where columns
// 64c .. 64c + 31 are the low nibbles of lines 8c .. 8c + 7 and columns 64c + 32 .. the high ones.

#pragma once

namespace altteul::kernels {
namespace {

/// Eight scales d * scale[s], and eight minimums -(dmin * min[s]).
ALT_SIMD_INLINE void SixBitScales(const uint8_t* packed, F32x16* scales, F32x16* mins) {
  const I32x16 low_scales = LoadI32(packed);
  const I32x16 low_mins = LoadI32(packed + 64);
  const I32x16 rest = LoadI32(packed + 128);
  const F32x16 d = LoadF16(packed + 192);
  const F32x16 dmin = LoadF16(packed + 224);

  // Per byte, all four sub-blocks of a row at once; the first four, then the last four.
  const I32x16 six = SetI32(0x3f3f3f3f), four = SetI32(0x0f0f0f0f), top = SetI32(0x30303030);
  I32x16 s[2] = {And(low_scales, six), Or(And(rest, four), And(ShiftRight<2>(low_scales), top))};
  I32x16 m[2] = {And(low_mins, six),
                 Or(And(ShiftRight<4>(rest), four), And(ShiftRight<2>(low_mins), top))};
  const I32x16 byte = SetI32(255);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    scales[i] = Mul(d, ToF32(And(s[i / 4], byte)));
    mins[i] = Negate(Mul(dmin, ToF32(And(m[i / 4], byte))));
    s[i / 4] = ShiftRight<8>(s[i / 4]);
    m[i / 4] = ShiftRight<8>(m[i / 4]);
  }
}

ALT_SIMD_INLINE Bytes64 SuperBlockNibbleQuad(const uint8_t* tile, int block, int quad) {
  const Bytes64 line = LoadBytes(tile + (block / 2 * 8 + quad) * 64);
  return And(ShiftRight(line, block % 2 * 4), 15);
}

}  // namespace
}  // namespace altteul::kernels
