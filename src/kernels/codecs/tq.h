// SPDX-License-Identifier: Apache-2.0

// TQ1_0 and TQ2_0: 256 ternary weights, one scale.
//   w[j] = d * (trit[j] - 1)
// TQ1_0 packs five trits into a byte as a fraction of 256: multiplying the byte by 3^k (mod 256)
// brings trit k to the top, and the top is floor(3 * byte / 256). TQ2_0 spends 2 bits a trit.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// Trits 0..159: trit k of qs[i], i < 32, is weight 32k + i. Trits 160..239: trit k of qs[32 + i],
/// i < 16, is weight 160 + 16k + i. Trits 240..255: trit k of qh[i] is weight 240 + 4k + i.
struct BlockTQ1_0 {
  uint8_t qs[48];  ///< five trits a byte
  uint8_t qh[4];   ///< four trits a byte
  uint16_t d;      ///< f16
};
static_assert(sizeof(BlockTQ1_0) == 54);

struct BlockTQ2_0 {
  uint8_t qs[64];  ///< codes, see two_bits.h
  uint16_t d;      ///< f16
};
static_assert(sizeof(BlockTQ2_0) == 66);

void DecodeTQ1_0(const std::byte* blocks, size_t n, float* out);
void DecodeTQ2_0(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels
