// SPDX-License-Identifier: Apache-2.0

// Compiled for AVX-512 VNNI: intrinsics only, see kernels/simd/linear_isa.h.

#include "int8_peak.h"

#include <immintrin.h>

namespace altteul::bench {

size_t RunInt8Peak(size_t n, int32_t* sink) {
  constexpr int kChains = 16;  // latency 4, at most two a cycle: 8 would do
  __m512i sums[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i codes = _mm512_set1_epi8(3);
  const __m512i values = _mm512_set1_epi32(*sink);
  for (size_t round = 0; round < n; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], codes, values);
  }
  __m512i all = sums[0];
#pragma GCC unroll 16
  for (int i = 1; i < kChains; ++i) all = _mm512_add_epi32(all, sums[i]);
  int32_t lanes[16];
  _mm512_storeu_si512(lanes, all);
  *sink = lanes[0];
  return n * kChains;
}

}  // namespace altteul::bench
