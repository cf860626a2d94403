// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q4_1.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {

void DecodeQ4_1(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockQ4_1>(blocks, b);
    const float d = F16ToF32(block.d);
    const float m = F16ToF32(block.m);
    for (size_t j = 0; j < 16; ++j) {
      out[j] = d * static_cast<float>(block.qs[j] & 15) + m;
      out[j + 16] = d * static_cast<float>(block.qs[j] >> 4) + m;
    }
  }
}

void EncodeQ4_1(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    const ValueRange range = RangeOf(values, 32);
    const float d = (range.max - range.min) / 15.0f;
    const float inverse = InverseScale(d);
    BlockQ4_1 block;
    block.d = F32ToFiniteF16(d);
    block.m = F32ToFiniteF16(range.min);
    for (size_t j = 0; j < 16; ++j) {
      const uint8_t low = TruncateCode((values[j] - range.min) * inverse + 0.5f, 15);
      const uint8_t high = TruncateCode((values[j + 16] - range.min) * inverse + 0.5f, 15);
      block.qs[j] = static_cast<uint8_t>(low | (high << 4));
    }
    StoreBlock(block, b, blocks);
  }
}

}  // namespace altteul::kernels
