// SPDX-License-Identifier: Apache-2.0

// The 32 five-bit codes of Q5_0 and Q5_1: nibbles in 16 bytes, fifth bits in one 32-bit word.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace altteul::kernels {

inline void UnpackFiveBits(const uint8_t* qs, const uint8_t* qh, uint8_t* codes) {
  for (size_t j = 0; j < 16; ++j) {
    codes[j] = qs[j] & 15;
    codes[j + 16] = static_cast<uint8_t>(qs[j] >> 4);
  }
  // Byte by byte rather than by shifts of a word: the bit's mask depends on j mod 8 only.
  for (size_t byte = 0; byte < 4; ++byte) {
    for (size_t bit = 0; bit < 8; ++bit) {
      codes[byte * 8 + bit] |= static_cast<uint8_t>(((qh[byte] >> bit) & 1) << 4);
    }
  }
}

inline void PackFiveBits(const uint8_t* codes, uint8_t* qs, uint8_t* qh) {
  std::memset(qh, 0, 4);
  for (size_t j = 0; j < 32; ++j) {
    qh[j / 8] = static_cast<uint8_t>(qh[j / 8] | ((codes[j] >> 4) << (j % 8)));
  }
  for (size_t j = 0; j < 16; ++j) {
    qs[j] = static_cast<uint8_t>((codes[j] & 15) | ((codes[j + 16] & 15) << 4));
  }
}

}  // namespace altteul::kernels
