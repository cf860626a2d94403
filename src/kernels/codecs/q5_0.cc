// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q5_0.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/five_bits.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {

void DecodeQ5_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockQ5_0>(blocks, b);
    const float d = F16ToF32(block.d);
    uint8_t codes[32];
    UnpackFiveBits(block.qs, block.qh, codes);
    for (size_t j = 0; j < 32; ++j) out[j] = d * static_cast<float>(codes[j] - 16);
  }
}

void EncodeQ5_0(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    const float d = ValueOfLargestMagnitude(values, 32) / -16.0f;
    const float inverse = InverseScale(d);
    uint8_t codes[32];
    for (size_t j = 0; j < 32; ++j) codes[j] = TruncateCode(values[j] * inverse + 16.5f, 31);
    BlockQ5_0 block;
    block.d = F32ToFiniteF16(d);
    PackFiveBits(codes, block.qs, block.qh);
    StoreBlock(block, b, blocks);
  }
}

}  // namespace altteul::kernels
