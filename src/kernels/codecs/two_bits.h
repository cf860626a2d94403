// SPDX-License-Identifier: Apache-2.0

// The 2-bit codes of Q2_K, Q3_K and TQ2_0: of each 32 bytes, bits 2r and 2r + 1 of byte i hold
// code 32r + i.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// 64 bytes -> 256 codes of 0..3.
inline void UnpackTwoBits(const uint8_t* qs, uint8_t* codes) {
  for (size_t half = 0; half < 2; ++half, qs += 32, codes += 128) {
    for (size_t i = 0; i < 32; ++i) {
      codes[i] = qs[i] & 3;
      codes[i + 32] = (qs[i] >> 2) & 3;
      codes[i + 64] = (qs[i] >> 4) & 3;
      codes[i + 96] = static_cast<uint8_t>(qs[i] >> 6);
    }
  }
}

}  // namespace altteul::kernels
