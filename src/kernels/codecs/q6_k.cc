// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q6_k.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"

namespace altteul::kernels {
namespace {

/// The 6-bit codes of one half, less 32, in the order of the weights.
void UnpackHalf(const uint8_t* ql, const uint8_t* qh, int8_t* codes) {
  for (size_t i = 0; i < 32; ++i) {
    codes[i] = static_cast<int8_t>(((ql[i] & 15) | ((qh[i] & 3) << 4)) - 32);
    codes[i + 32] = static_cast<int8_t>(((ql[i + 32] & 15) | (((qh[i] >> 2) & 3) << 4)) - 32);
    codes[i + 64] = static_cast<int8_t>(((ql[i] >> 4) | (((qh[i] >> 4) & 3) << 4)) - 32);
    codes[i + 96] = static_cast<int8_t>(((ql[i + 32] >> 4) | ((qh[i] >> 6) << 4)) - 32);
  }
}

}  // namespace

void DecodeQ6_K(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b) {
    const auto block = LoadBlock<BlockQ6_K>(blocks, b);
    const float d = F16ToF32(block.d);
    int8_t codes[256];
    UnpackHalf(block.ql, block.qh, codes);
    UnpackHalf(block.ql + 64, block.qh + 32, codes + 128);
    for (size_t s = 0; s < 16; ++s, out += 16) {
      const float scale = d * static_cast<float>(block.scales[s]);
      for (size_t j = 0; j < 16; ++j) out[j] = scale * static_cast<float>(codes[s * 16 + j]);
    }
  }
}

}  // namespace altteul::kernels
