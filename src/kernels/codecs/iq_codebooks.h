// The codebooks of IQ1, IQ2 and IQ3: each entry names the 8 (IQ3: 4) magnitudes of neighbouring
// weights. The tables are constants of the GGUF format, published by ggml under the MIT licence;
// scripts/golden/codecs.py writes iq_codebooks.cc from the `gguf` Python package.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

// 8 codes of 2 bits, the first in the lowest bits. IQ2: code -> kIq2Levels; IQ1: code - 1.
extern const uint16_t kIq1Codebook[2048];
extern const uint16_t kIq2XxsCodebook[256];
extern const uint16_t kIq2XsCodebook[512];
extern const uint16_t kIq2SCodebook[1024];

// 4 codes in a nibble each, the first in the lowest bits. code -> kIq3XxsLevels, or 2 * code + 1.
extern const uint16_t kIq3XxsCodebook[256];
extern const uint16_t kIq3SCodebook[512];

inline constexpr uint8_t kIq2Levels[4] = {8, 25, 43, 0};  // code 3 does not occur
inline constexpr uint8_t kIq3XxsLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};

/// 7 stored sign bits -> 8: the eighth makes the number of minus signs even.
constexpr uint8_t ExpandSigns(uint32_t seven_bits) {
  const uint32_t bits = seven_bits & 127u;
  return static_cast<uint8_t>(bits | (std::popcount(bits) % 2 != 0 ? 128u : 0u));
}

/// `magnitude` with a minus where the bit of `signs` is set.
/// Signs are as good as random, so a branch would be mispredicted every other time.
inline float WithSign(float magnitude, uint32_t signs, size_t bit) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) ^ (((signs >> bit) & 1u) << 31));
}

}  // namespace altteul::kernels
