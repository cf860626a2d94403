// SPDX-License-Identifier: Apache-2.0

// The 12 bytes that hold eight 6-bit scales and eight 6-bit minimums in Q4_K and Q5_K.
//
//   bytes 0..3   scales 0..3 in the low 6 bits, the top 2 bits of scales 4..7 above them
//   bytes 4..7   minimums 0..3 likewise, with the top 2 bits of minimums 4..7
//   bytes 8..11  low 4 bits of scales 4..7 (low nibble) and of minimums 4..7 (high nibble)

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

inline void UnpackSixBitScales(const uint8_t* packed, uint8_t* scales, uint8_t* mins) {
  for (size_t i = 0; i < 4; ++i) {
    scales[i] = packed[i] & 63;
    mins[i] = packed[i + 4] & 63;
    scales[i + 4] = static_cast<uint8_t>((packed[i + 8] & 15) | ((packed[i] >> 2) & 48));
    mins[i + 4] = static_cast<uint8_t>((packed[i + 8] >> 4) | ((packed[i + 4] >> 2) & 48));
  }
}

}  // namespace altteul::kernels
