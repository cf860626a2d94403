// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q1_0.h"

#include <bit>

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"

namespace altteul::kernels {

void DecodeQ1_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 128; ++b) {
    const auto block = LoadBlock<BlockQ1_0>(blocks, b);
    const uint32_t d = std::bit_cast<uint32_t>(F16ToF32(block.d));
    for (size_t byte = 0; byte < 16; ++byte, out += 8) {
      const uint32_t minus = ~static_cast<uint32_t>(block.qs[byte]);
      for (size_t bit = 0; bit < 8; ++bit) {
        out[bit] = std::bit_cast<float>(d ^ (((minus >> bit) & 1u) << 31));
      }
    }
  }
}

}  // namespace altteul::kernels
