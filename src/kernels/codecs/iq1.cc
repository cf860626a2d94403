// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/iq1.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/iq_codebooks.h"

namespace altteul::kernels {
namespace {

void Decode8(uint16_t entry, float scale, bool minus, float* out) {
  const float shift = minus ? -0.125f : 0.125f;
  for (size_t k = 0; k < 8; ++k) {
    const int trit = ((entry >> (2 * k)) & 3) - 1;
    out[k] = scale * (static_cast<float>(trit) + shift);
  }
}

float ScaleOf(float d, int three_bits) { return d * static_cast<float>(2 * three_bits + 1); }

}  // namespace

void DecodeIQ1_S(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ1_S>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t i = 0; i < 32; ++i, out += 8) {
      const unsigned word = block.qh[i / 4];
      const size_t high = (word >> (i % 4 * 3)) & 7u;
      const float scale = ScaleOf(d, static_cast<int>((word >> 12) & 7u));
      Decode8(kIq1Codebook[block.qs[i] | (high << 8)], scale, (word & 0x8000u) != 0, out);
    }
  }
}

void DecodeIQ1_M(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockIQ1_M>(blocks, b);
    uint32_t d_bits = 0;
    for (size_t i = 0; i < 4; ++i) {
      d_bits |= static_cast<uint32_t>(block.scales[i] >> 12) << (4 * i);
    }
    const float d = F16ToF32(static_cast<uint16_t>(d_bits));
    for (size_t i = 0; i < 32; ++i, out += 8) {
      const float scale = ScaleOf(d, (block.scales[i / 8] >> (i / 2 % 4 * 3)) & 7);
      const unsigned nibble = block.qh[i / 2] >> (i % 2 * 4);
      const size_t high = nibble & 7u;
      Decode8(kIq1Codebook[block.qs[i] | (high << 8)], scale, (nibble & 8u) != 0, out);
    }
  }
}

}  // namespace altteul::kernels
