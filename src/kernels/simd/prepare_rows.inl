// SPDX-License-Identifier: Apache-2.0

// Activations in the forms that products read. Written on the names of simd_*.h.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {
namespace {

constexpr size_t kBlocksAtOnce = 8;  // of 32 columns, so that dividing and summing fill vectors

/// Quantize() for kBlocksAtOnce blocks.
ALT_SIMD_INLINE void QuantizeBlocks(const float* x, int8_t* q8, float* scale, int32_t* sum16,
                                    float* offset) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  I32x16 magnitudes[kBlocksAtOnce];
#pragma GCC unroll 8
  for (size_t b = 0; b < kBlocksAtOnce; ++b) {
    magnitudes[b] =
        Max(MagnitudeBits(LoadF32(x + 32 * b)), MagnitudeBits(LoadF32(x + 32 * b + 16)));
  }
  const I32x16 max_bits = LargestOfEach(magnitudes);
  const F32x16 max = F32OfBits(max_bits);
  const F32x16 factor = Div(SetF32(127.0f), max);
  const I32x16 usable = SignMask(Add(Max(max_bits, BitsOf(factor)), SetI32(-kInfinityBits)));

  float factors[16];
  int32_t masks[16];
  StoreF32(factor, factors);
  StoreI32(usable, masks);
  I32x16 codes[2 * kBlocksAtOnce];
#pragma GCC unroll 8
  for (size_t b = 0; b < kBlocksAtOnce; ++b) {
#pragma GCC unroll 2
    for (size_t half = 0; half < 2; ++half) {
      const F32x16 scaled = Mul(LoadF32(x + 32 * b + 16 * half), SetF32(factors[b]));
      codes[2 * b + half] = And(RoundToI32(scaled), SetI32(masks[b]));
    }
  }
  const I32x16 block_sums = StoreCodes(codes, q8, sum16);
  const F32x16 scales = Div(max, SetF32(127.0f));
  StoreFirst8(scales, scale);
  StoreFirst8(Mul(scales, ToF32(block_sums)), offset);
}

/// scale = max |x| / 127 over 32 columns, q8 = x * (127 / max |x|) to the nearest, ties to even.
/// Where that factor is no finite number (all zeros, magnitudes below 2^-121, or an infinity or NaN
/// among the values) the codes are 0; an infinite or NaN scale then makes the products NaN.
void Quantize(const float* x, size_t n_blocks, int8_t* q8, float* scale, int32_t* sum16,
              float* offset) {
  size_t b = 0;
  for (; b + kBlocksAtOnce <= n_blocks; b += kBlocksAtOnce) {
    QuantizeBlocks(x + 32 * b, q8 + 32 * b, scale + b, sum16 + 2 * b, offset + b);
  }
  const size_t left = n_blocks - b;
  if (left == 0) return;
  float padded[32 * kBlocksAtOnce] = {};
  __builtin_memcpy(padded, x + 32 * b, left * 32 * sizeof *x);
  int8_t codes[32 * kBlocksAtOnce];
  float scales[kBlocksAtOnce], offsets[kBlocksAtOnce];
  int32_t sums[2 * kBlocksAtOnce];
  QuantizeBlocks(padded, codes, scales, sums, offsets);
  __builtin_memcpy(q8 + 32 * b, codes, left * 32);
  __builtin_memcpy(scale + b, scales, left * sizeof *scale);
  __builtin_memcpy(sum16 + 2 * b, sums, left * 2 * sizeof *sum16);
  __builtin_memcpy(offset + b, offsets, left * sizeof *offset);
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

/// Exact.
void WidenF16(const std::byte* f16, size_t n, float* f32) {
  size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    StoreF32(LoadF16(reinterpret_cast<const uint8_t*>(f16) + 2 * i), f32 + i);
  }
  if (i == n) return;
  uint16_t padded[kRows] = {};
  float widened[kRows];
  __builtin_memcpy(padded, f16 + 2 * i, (n - i) * 2);
  StoreF32(LoadF16(reinterpret_cast<const uint8_t*>(padded)), widened);
  __builtin_memcpy(f32 + i, widened, (n - i) * sizeof *f32);
}

}  // namespace
}  // namespace altteul::kernels
