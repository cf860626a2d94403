// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q4_k.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/six_bit_scales.h"

namespace altteul::kernels {

void DecodeQ4_K(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockQ4_K>(blocks, b);
    const float d = F16ToF32(block.d);
    const float dmin = F16ToF32(block.dmin);
    uint8_t scales[8];
    uint8_t mins[8];
    UnpackSixBitScales(block.scales, scales, mins);
    for (size_t run = 0; run < 4; ++run, out += 64) {
      const uint8_t* qs = block.qs + run * 32;
      const float low_scale = d * scales[run * 2];
      const float low_min = dmin * mins[run * 2];
      const float high_scale = d * scales[run * 2 + 1];
      const float high_min = dmin * mins[run * 2 + 1];
      for (size_t j = 0; j < 32; ++j) {
        out[j] = low_scale * static_cast<float>(qs[j] & 15) - low_min;
        out[j + 32] = high_scale * static_cast<float>(qs[j] >> 4) - high_min;
      }
    }
  }
}

}  // namespace altteul::kernels
