// SPDX-License-Identifier: Apache-2.0

// The codebooks of IQ1, IQ2 and IQ3: each entry names the 8 (IQ3: 4) magnitudes of neighbouring
// weights. The tables are constants of the GGUF format, published by ggml under the MIT licence;
// scripts/golden/codecs.py writes iq_codebooks.cc from the `gguf` Python package.
//
// A zero follows the last entry, because kernels that gather read four bytes at an entry. Included
// where no standard library may be (see kernels/simd/linear_isa.h).

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

// 8 codes of 2 bits, the first in the lowest bits. IQ2: code -> kIq2Levels; IQ1: code - 1.
extern const uint16_t kIq1Codebook[2048 + 1];
extern const uint16_t kIq2XxsCodebook[256 + 1];
extern const uint16_t kIq2XsCodebook[512 + 1];
extern const uint16_t kIq2SCodebook[1024 + 1];

// 4 codes in a nibble each, the first in the lowest bits. code -> kIq3XxsLevels, or 2 * code + 1.
extern const uint16_t kIq3XxsCodebook[256 + 1];
extern const uint16_t kIq3SCodebook[512 + 1];

inline constexpr uint8_t kIq2Levels[4] = {8, 25, 43, 0};  // code 3 does not occur
inline constexpr uint8_t kIq3XxsLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};

}  // namespace altteul::kernels
