// SPDX-License-Identifier: Apache-2.0

// IQ4_NL at rest: as Q4_0, but a nibble is the index of one of 16 signed levels.

#pragma once

#include "kernels/codecs/nibbles_unpack.inl"

namespace altteul::kernels {
namespace {

/// A level as the code that the instruction set multiplies.
constexpr uint8_t Iq4NlCode(int level) { return static_cast<uint8_t>(level + kSignedBias); }

// The levels of the format (ggml's kvalues_iq4nl), finer around zero.
constexpr uint8_t kIq4NlCodes[16] = {
    Iq4NlCode(-127), Iq4NlCode(-104), Iq4NlCode(-83), Iq4NlCode(-65),
    Iq4NlCode(-49),  Iq4NlCode(-35),  Iq4NlCode(-22), Iq4NlCode(-10),
    Iq4NlCode(1),    Iq4NlCode(13),   Iq4NlCode(25),  Iq4NlCode(38),
    Iq4NlCode(53),   Iq4NlCode(69),   Iq4NlCode(89),  Iq4NlCode(113)};

struct UnpackIQ4_NL {
  static constexpr size_t kTileCols = 32, kTileBytes = 256 + 32;
  static constexpr size_t kScaleCols = 32;
  static constexpr int kMaxCode = 255, kBias = kSignedBias;
  static constexpr bool kHasMin = false;

  static constexpr int QuadAt(int step) { return NibbleQuadAt(step); }
  static ALT_SIMD_INLINE Bytes64 Quad(const uint8_t* tile, int /*block*/, int quad) {
    return Lookup16(kIq4NlCodes, NibbleQuad(tile, quad));
  }
  static ALT_SIMD_INLINE void Scales(const uint8_t* tile, F32x16* scales, F32x16* /*mins*/) {
    scales[0] = LoadF16(tile + 256);
  }
};

}  // namespace
}  // namespace altteul::kernels
