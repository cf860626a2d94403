// SPDX-License-Identifier: Apache-2.0

// 16-bit float weights multiplied in f32, for instruction sets without bf16 products. Include after
// linear.inl.

#pragma once

namespace altteul::kernels {
namespace {

template <int kTokens>
ALT_SIMD_INLINE void StepColumns(TwoColumns w, const float* x, size_t cols, F32x16* sums) {
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = Fma(w.first, SetF32(x[static_cast<size_t>(t) * cols]), sums[t]);
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = Fma(w.second, SetF32(x[static_cast<size_t>(t) * cols + 1]), sums[t]);
  }
}

struct LoadBf16Line {
  using X = float;
  static constexpr size_t kCols = 2;
  static const float* Rows(const LinearSlice& s) { return s.f32; }

  template <int kTokens>
  static ALT_SIMD_INLINE void Step(const uint8_t* line, const float* x, size_t cols, F32x16* sums) {
    StepColumns<kTokens>(ColumnsFromBf16(line), x, cols, sums);
  }
};

struct LoadF16Line {
  using X = float;
  using Panel = LoadF32Line;
  static constexpr size_t kCols = 2;
  static const float* Rows(const LinearSlice& s) { return s.f32; }

  template <int kTokens>
  static ALT_SIMD_INLINE void Step(const uint8_t* line, const float* x, size_t cols, F32x16* sums) {
    StepColumns<kTokens>(ColumnsFromF16(line), x, cols, sums);
  }
  static void Convert(const uint8_t* lines, size_t cols, uint8_t* panel) {
    float* columns = reinterpret_cast<float*>(panel);
    for (size_t col = 0; col < cols; col += kCols, lines += 64, columns += kCols * kRows) {
      const TwoColumns two = ColumnsFromF16(lines);
      StoreF32(two.first, columns);
      StoreF32(two.second, columns + kRows);
    }
  }
};

}  // namespace
}  // namespace altteul::kernels
