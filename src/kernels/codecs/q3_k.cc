// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q3_k.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/two_bits.h"

namespace altteul::kernels {

void DecodeQ3_K(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockQ3_K>(blocks, b);
    const float d = F16ToF32(block.d);
    uint8_t codes[256];
    UnpackTwoBits(block.qs, codes);
    for (size_t r = 0; r < 8; ++r) {
      for (size_t i = 0; i < 32; ++i) {
        codes[r * 32 + i] |= static_cast<uint8_t>(((block.hmask[i] >> r) & 1) << 2);
      }
    }
    for (size_t s = 0; s < 16; ++s, out += 16) {
      const int low = (block.scales[s % 8] >> (s / 8 * 4)) & 15;
      const int high = (block.scales[8 + s % 4] >> (s / 4 * 2)) & 3;
      const float scale = d * static_cast<float>((low | (high << 4)) - 32);
      for (size_t j = 0; j < 16; ++j) out[j] = scale * static_cast<float>(codes[s * 16 + j] - 4);
    }
  }
}

}  // namespace altteul::kernels
