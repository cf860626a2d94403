// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/q8_0.h"

#include <cmath>

#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/rounding.h"

namespace altteul::kernels {
namespace {

/// round(value), half away from zero, held to [-127, 127]; written without branches.
int8_t RoundCode(float value) {
  const float magnitude = std::fabs(value) < 127.0f ? std::fabs(value) : 127.0f;
  const int whole = static_cast<int>(magnitude);
  // The fraction is exact; adding 0.5 before truncating would round 0.49999997 up.
  const int rounded = whole + (magnitude - static_cast<float>(whole) >= 0.5f ? 1 : 0);
  const int minus = value < 0.0f ? -1 : 0;
  return static_cast<int8_t>((rounded ^ minus) - minus);
}

}  // namespace

void DecodeQ8_0(const std::byte* blocks, size_t n, float* out) {
  for (size_t b = 0; b < n / 32; ++b, out += 32) {
    const auto block = LoadBlock<BlockQ8_0>(blocks, b);
    const float d = F16ToF32(block.d);
    for (size_t j = 0; j < 32; ++j) out[j] = d * static_cast<float>(block.qs[j]);
  }
}

void EncodeQ8_0(const float* values, size_t n, std::byte* blocks) {
  for (size_t b = 0; b < n / 32; ++b, values += 32) {
    const float d = std::fabs(ValueOfLargestMagnitude(values, 32)) / 127.0f;
    const float inverse = InverseScale(d);
    BlockQ8_0 block;
    block.d = F32ToFiniteF16(d);
    for (size_t j = 0; j < 32; ++j) block.qs[j] = RoundCode(values[j] * inverse);
    StoreBlock(block, b, blocks);
  }
}

}  // namespace altteul::kernels
