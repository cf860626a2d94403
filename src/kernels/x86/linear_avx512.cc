// SPDX-License-Identifier: Apache-2.0

// The linear layers for AVX-512 (F, BW, DQ, VL, VNNI, BF16).

#include "kernels/x86/simd_avx512.h"
// Written on the names above.
#include "kernels/simd/linear.inl"

namespace altteul::kernels {
namespace {

template <int kTokens>
ALT_SIMD_INLINE void StepPairs(Bf16Pairs w, const uint16_t* x, size_t cols, F32x16* sums) {
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = DotPairs(sums[t], w, BroadcastPair(x + static_cast<size_t>(t) * cols));
  }
}

struct LoadBf16Line {
  using X = uint16_t;
  static constexpr size_t kCols = 2;
  static const uint16_t* Rows(const LinearSlice& s) { return s.bf16; }

  template <int kTokens>
  static ALT_SIMD_INLINE void Step(const uint8_t* line, const uint16_t* x, size_t cols,
                                   F32x16* sums) {
    StepPairs<kTokens>(LoadPairs(line), x, cols, sums);
  }
};

struct LoadF16Line {
  using X = uint16_t;
  using Panel = LoadBf16Line;
  static constexpr size_t kCols = 2;
  static const uint16_t* Rows(const LinearSlice& s) { return s.bf16; }

  template <int kTokens>
  static ALT_SIMD_INLINE void Step(const uint8_t* line, const uint16_t* x, size_t cols,
                                   F32x16* sums) {
    StepPairs<kTokens>(PairsFromF16(line), x, cols, sums);
  }
  static void Convert(const uint8_t* lines, size_t cols, uint8_t* panel) {
    for (size_t i = 0; i < cols / kCols * 64; i += 64) {
      StorePairs(PairsFromF16(lines + i), panel + i);
    }
  }
};

}  // namespace
}  // namespace altteul::kernels

#include "kernels/simd/linear_functions.inl"

namespace altteul::kernels {

const LinearIsa kLinearAvx512 = kLinearFunctions;

}  // namespace altteul::kernels
