// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q2_k.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/two_bits.h"

namespace altteul::kernels {

void DecodeQ2_K(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockQ2_K>(blocks, b);
    const float d = F16ToF32(block.d);
    const float dmin = F16ToF32(block.dmin);
    uint8_t codes[256];
    UnpackTwoBits(block.qs, codes);
    for (size_t s = 0; s < 16; ++s, out += 16) {
      const float scale = d * static_cast<float>(block.scales[s] & 15);
      const float min = dmin * static_cast<float>(block.scales[s] >> 4);
      for (size_t j = 0; j < 16; ++j) out[j] = scale * static_cast<float>(codes[s * 16 + j]) - min;
    }
  }
}

}  // namespace altteul::kernels
