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

const LinearIsa kLinearAvx512 = {
    .q4_0 = LinearP8<UnpackQ4_0>,
    .q4_1 = LinearP8<UnpackQ4_1>,
    .q5_0 = LinearP8<UnpackQ5_0>,
    .q5_1 = LinearP8<UnpackQ5_1>,
    .q8_0 = LinearP8<UnpackQ8_0>,
    .iq4_nl = LinearP8<UnpackIQ4_NL>,
    .q4_k = LinearP8<UnpackQ4_K>,
    .q5_k = LinearP8<UnpackQ5_K>,
    .q6_k = LinearP8<UnpackQ6_K>,
    .iq4_xs = LinearP8<UnpackIQ4_XS>,
    .mxfp4 = LinearP8<UnpackMXFP4>,
    .nvfp4 = LinearP8<UnpackNVFP4>,
    .q2_k = LinearP8<UnpackQ2_K>,
    .q3_k = LinearP8<UnpackQ3_K>,
    .q2_0 = LinearP8<UnpackQ2_0>,
    .q1_0 = LinearP8<UnpackQ1_0>,
    .tq1_0 = LinearP8<UnpackTQ1_0>,
    .tq2_0 = LinearP8<UnpackTQ2_0>,
    .iq3_xxs = LinearP8<UnpackIQ3_XXS>,
    .iq3_s = LinearP8<UnpackIQ3_S>,
    .iq2_xxs = LinearP8<UnpackIQ2_XXS>,
    .iq2_xs = LinearP8<UnpackIQ2_XS>,
    .iq2_s = LinearP8<UnpackIQ2_S>,
    .iq1_s = LinearP8<UnpackIQ1_S>,
    .iq1_m = LinearP8<UnpackIQ1_M>,
    .f16 = LinearConverted<LoadF16Line>,
    .bf16 = LinearFloat<LoadBf16Line>,
    .f32 = LinearFloat<LoadF32Line>,
    .quantize = Quantize,
    .round_to_bf16 = RoundToBf16,
    .widen_f16 = WidenF16,
};

}  // namespace altteul::kernels
