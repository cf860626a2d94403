// SPDX-License-Identifier: Apache-2.0

// MXFP4 and NVFP4 at rest. Interface: nibbles_unpack.inl.
//   MXFP4  [4][row][4] nibbles as in Q4_0, [row] E8M0 scales
//   NVFP4  [8][row][4] nibbles, [4][row] E4M3 scales. Of each 16 columns two lines: the low nibbles
//          are columns 0..3 and 4..7, the high ones columns 8..11 and 12..15.

#pragma once

#include "kernels/codecs/nibbles_unpack.inl"

namespace altteul::kernels {
namespace {

// Doubled values of E2M1 (fp4.h) plus 12, so that codes are not negative.
constexpr int kFp4Bias = 12;
constexpr uint8_t kFp4Codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

struct UnpackMXFP4 {
  static constexpr size_t kTileCols = 32, kTileBytes = 256 + 16;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 24, kBias = kFp4Bias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return NibbleQuadAt(step); }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int /*block*/, int quad) {
    return Lookup16(kFp4Codes, NibbleQuad(tile, quad));
  }
  /// 2^(e - 128). The two smallest are denormals of f32: 2^21 and 2^22 of its least number, which
  /// the second term is; from e = 2 on the first is as large or larger.
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    const I32x16 e = LoadU8(tile + 256);
    scales[0] = F32OfBits(Max(ShiftLeft<23>(Add(e, SetI32(-1))), ShiftLeft<21>(Add(e, SetI32(1)))));
  }
};

struct UnpackNVFP4 {
  static constexpr size_t kTileCols = 64, kTileBytes = 512 + 64;
  static constexpr size_t kScaleCols = 16;
  static constexpr int kMaxCode = 24, kBias = kFp4Bias;
  static constexpr bool kHasMin = false;

  /// In each 16 columns low and high nibbles of a line in turn.
  static constexpr int QuadAt(int step) { return (step & 4) + ((step >> 1) & 1) + 2 * (step & 1); }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int block, int quad) {
    const Bytes64 line = LoadBytes(tile + (block * 4 + quad / 4 * 2 + quad % 2) * 64);
    return Lookup16(kFp4Codes, And(quad / 2 % 2 == 0 ? line : ShiftRight(line, 4), 15));
  }
  /// Half of each E4M3 number: its bits are those of an f16 that is 2^8 times smaller. 0x7f is 0.
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const I32x16 code = LoadU8(tile + 512 + 16 * i);
      const I32x16 off = And(Add(code, SetI32(129)), SetI32(255));  // 0 for 0x7f alone
      const I32x16 keep = Add(ShiftRight<31>(Add(off, SetI32(-1))), SetI32(-1));
      const I32x16 number = And(And(code, SetI32(0x7f)), keep);
      scales[i] = Mul(F16ToF32(ShiftLeft<7>(number)), SetF32(128.0f));
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
