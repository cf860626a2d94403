// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/iq3.h"

#include <cstring>

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/iq_codebooks.h"
#include "kernels/codecs/iq_signs.h"

namespace altteul::kernels {

void DecodeIQ3_XXS(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ3_XXS>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t i = 0; i < 64; ++i, out += 4) {
      uint32_t word;
      std::memcpy(&word, block.words + i / 8 * 4, sizeof(word));
      const float scale = d * (0.5f + static_cast<float>(word >> 28)) * 0.5f;
      const uint32_t signs = ExpandSigns(word >> (i / 2 % 4 * 7)) >> (i % 2 * 4);
      const uint32_t entry = kIq3XxsCodebook[block.qs[i]];
      for (size_t k = 0; k < 4; ++k) {
        const float level = static_cast<float>(kIq3XxsLevels[(entry >> (4 * k)) & 7]);
        out[k] = WithSign(scale * level, signs, k);
      }
    }
  }
}

void DecodeIQ3_S(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ3_S>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t i = 0; i < 64; ++i, out += 4) {
      const int four_bits = (block.scales[i / 16] >> (i / 8 % 2 * 4)) & 15;
      const float scale = d * static_cast<float>(1 + 2 * four_bits);
      const uint32_t signs = static_cast<uint32_t>(block.signs[i / 2]) >> (i % 2 * 4);
      const size_t ninth = (block.qh[i / 8] >> (i % 8)) & 1u;
      const uint32_t entry = kIq3SCodebook[block.qs[i] | (ninth << 8)];
      for (size_t k = 0; k < 4; ++k) {
        const float level = static_cast<float>(2 * ((entry >> (4 * k)) & 7) + 1);
        out[k] = WithSign(scale * level, signs, k);
      }
    }
  }
}

}  // namespace altteul::kernels
