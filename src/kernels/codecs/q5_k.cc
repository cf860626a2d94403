// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q5_k.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/six_bit_scales.h"

namespace altteul::kernels {

void DecodeQ5_K(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockQ5_K>(blocks, b);
    const float d = F16ToF32(block.d);
    const float dmin = F16ToF32(block.dmin);
    uint8_t scales[8];
    uint8_t mins[8];
    UnpackSixBitScales(block.scales, scales, mins);
    for (size_t s = 0; s < 8; ++s, out += 32) {
      const uint8_t* qs = block.qs + (s / 2) * 32;
      const unsigned shift = s % 2 * 4;
      const float scale = d * scales[s];
      const float min = dmin * mins[s];
      for (size_t j = 0; j < 32; ++j) {
        const int code = ((qs[j] >> shift) & 15) | (((block.qh[j] >> s) & 1) << 4);
        out[j] = scale * static_cast<float>(code) - min;
      }
    }
  }
}

}  // namespace altteul::kernels
