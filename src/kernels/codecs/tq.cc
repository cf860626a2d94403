// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/tq.h"

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/two_bits.h"

namespace altteul::kernels {
namespace {

/// Trits 0..n_trits-1 of each of n_bytes bytes, trit 0 of all bytes first.
void DecodeTrits(const uint8_t* packed, size_t n_bytes, size_t n_trits, float d, float* out) {
  unsigned power = 1;
  for (size_t k = 0; k < n_trits; ++k, power *= 3, out += n_bytes) {
    for (size_t i = 0; i < n_bytes; ++i) {
      const unsigned rest = (packed[i] * power) & 255u;
      out[i] = d * static_cast<float>(static_cast<int>((rest * 3) >> 8) - 1);
    }
  }
}

}  // namespace

void DecodeTQ1_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b, out += 256) {
    const auto block = LoadBlock<BlockTQ1_0>(blocks, b);
    const float d = F16ToF32(block.d);
    DecodeTrits(block.qs, 32, 5, d, out);
    DecodeTrits(block.qs + 32, 16, 5, d, out + 160);
    DecodeTrits(block.qh, 4, 4, d, out + 240);
  }
}

void DecodeTQ2_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 256; ++b, out += 256) {
    const auto block = LoadBlock<BlockTQ2_0>(blocks, b);
    const float d = F16ToF32(block.d);
    uint8_t codes[256];
    UnpackTwoBits(block.qs, codes);
    for (size_t j = 0; j < 256; ++j) out[j] = d * static_cast<float>(codes[j] - 1);
  }
}

}  // namespace altteul::kernels
