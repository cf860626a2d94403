// SPDX-License-Identifier: Apache-2.0

// P16 and P32: weights that are multiplied as floats.
//
// A loader turns one 64-byte line of weights at rest into products with kTokens tokens:
//   X, kCols                 type of the activations, columns of a line
//   Rows(slice)              the activations' first row
//   Step(line, x, cols, sums)

#pragma once

#include "kernels/simd/linear_tile.inl"

namespace altteul::kernels {
namespace {

struct LoadF32Line {
  using X = float;
  static constexpr size_t kCols = 1;
  static const float* Rows(const LinearSlice& s) { return s.f32; }

  template <int kTokens>
  static ALT_SIMD_INLINE void Step(const uint8_t* line, const float* x, size_t cols, F32x16* sums) {
    const F32x16 w = LoadF32(reinterpret_cast<const float*>(line));
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      sums[t] = Fma(w, SetF32(x[static_cast<size_t>(t) * cols]), sums[t]);
    }
  }
};

template <class Loader>
struct FloatProduct {
  template <int kTokens>
  static void Run(const LinearSlice& s, const uint8_t* group, size_t row, size_t token) {
    F32x16 sums[kTokens];
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) sums[t] = ZeroF32();
    const typename Loader::X* x = Loader::Rows(s) + token * s.cols;
    for (size_t col = 0; col < s.cols; col += Loader::kCols, group += 64) {
      Prefetch(group + kPrefetchBytes);
      Loader::template Step<kTokens>(group, x + col, s.cols, sums);
    }
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) StoreGroup(s, row, token + static_cast<size_t>(t), sums[t]);
  }
};

template <class Loader>
void FloatGroup(const LinearSlice& s, const uint8_t* group, size_t row) {
  for (size_t token = 0; token < s.n_tokens;) {
    const size_t n = NextTile(s.n_tokens - token, kMaxTokensFloat);
    RunTokens<FloatProduct<Loader>, kMaxTokensFloat>(n, s, group, row, token);
    token += n;
  }
}

/// Weights whose lines cost nothing to read.
template <class Loader>
void LinearFloat(const LinearSlice& s) {
  const size_t group_bytes = s.cols / Loader::kCols * 64;
  const uint8_t* group = s.weights;
  for (size_t row = 0; row < s.n_rows; row += kRows, group += group_bytes) {
    FloatGroup<Loader>(s, group, row);
  }
}

/// Weights that many tokens had better convert once: Loader::Convert(lines, cols, panel) writes
/// what Loader::Panel reads.
template <class Loader>
void LinearConverted(const LinearSlice& s) {
  if (s.n_tokens <= static_cast<size_t>(kMaxTokensFloat)) return LinearFloat<Loader>(s);
  const size_t group_bytes = s.cols / Loader::kCols * 64;
  const uint8_t* group = s.weights;
  for (size_t row = 0; row < s.n_rows; row += kRows, group += group_bytes) {
    Loader::Convert(group, s.cols, s.scratch);
    FloatGroup<typename Loader::Panel>(s, s.scratch, row);
  }
}

}  // namespace
}  // namespace altteul::kernels
