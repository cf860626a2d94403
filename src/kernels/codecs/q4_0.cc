// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q4_0.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {

void DecodeQ4_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockQ4_0>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t j = 0; j < 16; ++j) {
      out[j] = d * static_cast<float>((block.qs[j] & 15) - 8);
      out[j + 16] = d * static_cast<float>((block.qs[j] >> 4) - 8);
    }
  }
}

void EncodeQ4_0(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    const float d = ValueOfLargestMagnitude(values, 32) / -8.0f;
    const float inverse = InverseScale(d);
    BlockQ4_0 block;
    block.d = F32ToFiniteF16(d);
    for (size_t j = 0; j < 16; ++j) {
      const uint8_t low = TruncateCode(values[j] * inverse + 8.5f, 15);
      const uint8_t high = TruncateCode(values[j + 16] * inverse + 8.5f, 15);
      block.qs[j] = static_cast<uint8_t>(low | (high << 4));
    }
    StoreBlock(block, b, blocks);
  }
}

}  // namespace altteul::kernels
