// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/iq4.h"

#include <cmath>

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {
namespace {

/// Blocks whose values are all below this are stored as zeros.
constexpr float kSmallestMagnitude = 1e-15f;

/// Of 32 values x * inverse, the code whose value is nearest; of two equally near ones the higher.
void FindNearestCodes(const float* values, float inverse, uint8_t* codes) {
  int counts[32] = {};
  for (size_t i = 0; i + 1 < 16; ++i) {
    // Midpoints of integers are whole or half: exact in f32.
    const float midpoint = 0.5f * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
    for (size_t j = 0; j < 32; ++j) counts[j] += values[j] * inverse >= midpoint ? 1 : 0;
  }
  for (size_t j = 0; j < 32; ++j) codes[j] = static_cast<uint8_t>(counts[j]);
}

void Decode32(const uint8_t* qs, float scale, float* out) {
  for (size_t j = 0; j < 16; ++j) {
    out[j] = scale * static_cast<float>(kIq4Values[qs[j] & 15]);
    out[j + 16] = scale * static_cast<float>(kIq4Values[qs[j] >> 4]);
  }
}

}  // namespace

void DecodeIQ4_NL(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockIQ4_NL>(blocks, b);
    Decode32(block.qs, F16ToF32(block.d), out);
  }
}

void EncodeIQ4_NL(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    BlockIQ4_NL block{};
    const float extreme = ValueOfLargestMagnitude(values, 32);
    if (std::fabs(extreme) >= kSmallestMagnitude) {
      const float inverse = 1.0f / (extreme / static_cast<float>(kIq4Values[0]));
      uint8_t codes[32];
      FindNearestCodes(values, inverse, codes);
      float sum_qx = 0.0f;
      float sum_qq = 0.0f;
      for (size_t j = 0; j < 32; ++j) {
        const float q = static_cast<float>(kIq4Values[codes[j]]);
        const float weighted_q = values[j] * values[j] * q;
        sum_qx += weighted_q * values[j];
        sum_qq += weighted_q * q;
      }
      // Squares of tiny values may all vanish, and of huge ones leave f32; the first scale is as
      // good then.
      const float fitted = sum_qx / sum_qq;
      block.d = F32ToFiniteF16(std::isfinite(fitted) ? fitted
                                                     : extreme / static_cast<float>(kIq4Values[0]));
      for (size_t j = 0; j < 16; ++j) {
        block.qs[j] = static_cast<uint8_t>(codes[j] | (codes[j + 16] << 4));
      }
    }
    StoreBlock(block, b, blocks);
  }
}

void DecodeIQ4_XS(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ4_XS>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t s = 0; s < 8; ++s, out += 32) {
      const int low = (block.scales_l[s / 2] >> (s % 2 * 4)) & 15;
      const int high = (block.scales_h[s / 4] >> (s % 4 * 2)) & 3;
      Decode32(block.qs + s * 16, d * static_cast<float>((low | (high << 4)) - 32), out);
    }
  }
}

}  // namespace altteul::kernels
