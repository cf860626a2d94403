// Activations in the forms that products read. Written on the names of simd_*.h.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {
namespace {

/// scale = max |x| / 127 over 32 columns, q8 = x * (127 / max |x|) to the nearest, ties to even.
/// Where that factor is no finite number (all zeros, magnitudes below 2^-121, or an infinity or NaN
/// among the values) the codes are 0; an infinite or NaN scale then makes the products NaN.
void Quantize(const float* x, size_t n_blocks, int8_t* q8, float* scale, int32_t* sum16,
              float* offset) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  for (size_t b = 0; b < n_blocks; ++b, x += 32, q8 += 32) {
    const F32x16 parts[2] = {LoadF32(x), LoadF32(x + 16)};
    const int32_t max_bits = LargestOf(Max(MagnitudeBits(parts[0]), MagnitudeBits(parts[1])));
    float max;
    __builtin_memcpy(&max, &max_bits, sizeof max);
    const float factor = 127.0f / max;
    int32_t factor_bits;
    __builtin_memcpy(&factor_bits, &factor, sizeof factor_bits);
    const bool usable = max_bits < kInfinityBits && factor_bits < kInfinityBits;

    int32_t sum = 0;
    for (int i = 0; i < 2; ++i) {
      const I32x16 codes = usable ? RoundToI32(Mul(parts[i], SetF32(factor))) : ZeroI32();
      StoreI8(codes, q8 + 16 * i);
      const int32_t part_sum = SumOf(codes);
      sum16[2 * b + static_cast<size_t>(i)] = part_sum;
      sum += part_sum;
    }
    scale[b] = max / 127.0f;
    offset[b] = scale[b] * static_cast<float>(sum);
  }
}

/// The rounding of kernels/codecs/half.h, in integers: whatever the instruction set does to
/// denormals, the bits are the same.
void RoundToBf16(const float* x, size_t n, uint16_t* bf16) {
  for (size_t i = 0; i < n; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40u;
    bf16[i] = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
  }
}

}  // namespace
}  // namespace altteul::kernels
