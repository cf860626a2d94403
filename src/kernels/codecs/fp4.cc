// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/fp4.h"

#include <bit>

#include "kernels/codecs/block.h"

namespace altteul::kernels {

float HalfOfE8M0(uint8_t e) {
  // The two smallest are subnormal in f32.
  const uint32_t bits = e < 2 ? 0x00200000u << e : (e - 1u) << 23;
  return std::bit_cast<float>(bits);
}

float HalfOfUE4M3(uint8_t code) {
  if (code == 0x7f) return 0.0f;
  const uint32_t exponent = (code >> 3) & 15u;
  const uint32_t fraction = code & 7u;
  if (exponent == 0) return static_cast<float>(fraction) * 0x1p-10f;
  // f32's bias is 127, this type's 7; one less because the result is halved.
  return std::bit_cast<float>(((exponent + 127 - 7 - 1) << 23) | (fraction << 20));
}

void DecodeMXFP4(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockMXFP4>(blocks, b);
    const float d = HalfOfE8M0(block.e);
    for (size_t j = 0; j < 16; ++j) {
      out[j] = d * static_cast<float>(kFp4Values[block.qs[j] & 15]);
      out[j + 16] = d * static_cast<float>(kFp4Values[block.qs[j] >> 4]);
    }
  }
}

void DecodeNVFP4(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 64; ++b) {
    const auto block = LoadBlock<BlockNVFP4>(blocks, b);
    for (size_t s = 0; s < 4; ++s, out += 16) {
      const float d = HalfOfUE4M3(block.d[s]);
      for (size_t j = 0; j < 8; ++j) {
        const uint8_t pair = block.qs[s * 8 + j];
        out[j] = d * static_cast<float>(kFp4Values[pair & 15]);
        out[j + 8] = d * static_cast<float>(kFp4Values[pair >> 4]);
      }
    }
  }
}

}  // namespace altteul::kernels
