// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/iq2.h"

#include <cstring>

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/iq_codebooks.h"
#include "kernels/codecs/iq_signs.h"

namespace altteul::kernels {
namespace {

float ScaleOf(float d, uint32_t four_bits) {
  return d * (0.5f + static_cast<float>(four_bits)) * 0.25f;
}

void Decode8(uint16_t entry, uint8_t signs, float scale, float* out) {
  for (size_t k = 0; k < 8; ++k) {
    const float level = static_cast<float>(kIq2Levels[(entry >> (2 * k)) & 3]);
    out[k] = WithSign(scale * level, signs, k);
  }
}

}  // namespace

void DecodeIQ2_XXS(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ2_XXS>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t s = 0; s < 8; ++s) {
      const uint8_t* indices = block.qs + s * 8;
      uint32_t word;
      std::memcpy(&word, indices + 4, sizeof(word));
      const float scale = ScaleOf(d, word >> 28);
      for (size_t i = 0; i < 4; ++i, out += 8) {
        Decode8(kIq2XxsCodebook[indices[i]], ExpandSigns(word >> (7 * i)), scale, out);
      }
    }
  }
}

void DecodeIQ2_XS(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ2_XS>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t i = 0; i < 32; ++i, out += 8) {
      const float scale = ScaleOf(d, (block.scales[i / 4] >> (i / 2 % 2 * 4)) & 15u);
      Decode8(kIq2XsCodebook[block.qs[i] & 511], ExpandSigns(block.qs[i] >> 9), scale, out);
    }
  }
}

void DecodeIQ2_S(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ2_S>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t i = 0; i < 32; ++i, out += 8) {
      const float scale = ScaleOf(d, (block.scales[i / 4] >> (i / 2 % 2 * 4)) & 15u);
      const size_t high = (block.qh[i / 4] >> (i % 4 * 2)) & 3u;
      Decode8(kIq2SCodebook[block.qs[i] | (high << 8)], block.signs[i], scale, out);
    }
  }
}

}  // namespace altteul::kernels
