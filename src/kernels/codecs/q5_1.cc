// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q5_1.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/five_bits.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {

void DecodeQ5_1(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockQ5_1>(blocks, b);
    const float d = F16ToF32(block.d);
    const float m = F16ToF32(block.m);
    uint8_t codes[32];
    UnpackFiveBits(block.qs, block.qh, codes);
    for (size_t j = 0; j < 32; ++j) out[j] = d * static_cast<float>(codes[j]) + m;
  }
}

void EncodeQ5_1(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    const ValueRange range = RangeOf(values, 32);
    const float d = (range.max - range.min) / 31.0f;
    const float inverse = InverseScale(d);
    uint8_t codes[32];
    for (size_t j = 0; j < 32; ++j) {
      codes[j] = TruncateCode((values[j] - range.min) * inverse + 0.5f, 31);
    }
    BlockQ5_1 block;
    block.d = F32ToFiniteF16(d);
    block.m = F32ToFiniteF16(range.min);
    PackFiveBits(codes, block.qs, block.qh);
    StoreBlock(block, b, blocks);
  }
}

}  // namespace altteul::kernels
