// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q2_0.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"

namespace altteul::kernels {

void DecodeQ2_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 64; ++b) {
    const auto block = LoadBlock<BlockQ2_0>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t byte = 0; byte < 16; ++byte, out += 4) {
      for (size_t k = 0; k < 4; ++k) {
        out[k] = d * static_cast<float>(((block.qs[byte] >> (2 * k)) & 3) - 1);
      }
    }
  }
}

}  // namespace altteul::kernels
