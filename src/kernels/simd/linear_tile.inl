// SPDX-License-Identifier: Apache-2.0

// What all register tiles of the linear layers share: cutting tokens into tiles, storing sums, and
// what the tokens of a P8 tile bring. Written on the names of simd_*.h.

#pragma once

#include "kernels/simd/linear_isa.h"

namespace altteul::kernels {
namespace {

constexpr size_t kRows = 16;            // of a group
constexpr size_t kCodeBytes = 32 * 16;  // of a block of 32 columns in a panel

// How far ahead of the work memory is asked for: some 100 ns of reading at 25 GB/s.
constexpr size_t kPrefetchBytes = 4608;

/// One token's sums of a group -> out, where some of its rows do not exist.
ALT_SIMD_NOINLINE void StorePartialGroup(const LinearSlice& s, size_t row, size_t token,
                                         const float* y) {
  float* out = s.out + token * s.out_stride + row;
  for (size_t r = 0; row + r < s.n_rows; ++r) {
    const float value = s.bias == nullptr ? y[r] : y[r] + s.bias[row + r];
    out[r] = s.add_to_out ? out[r] + value : value;
  }
}

/// One token's sums of the group at `row` -> out: bias, addition, and only the rows that exist.
ALT_SIMD_INLINE void StoreGroup(const LinearSlice& s, size_t row, size_t token, F32x16 sums) {
  if (__builtin_expect(row + kRows > s.n_rows, 0)) {
    float y[kRows];
    StoreF32(sums, y);
    return StorePartialGroup(s, row, token, y);
  }
  float* out = s.out + token * s.out_stride + row;
  if (s.bias != nullptr) sums = Add(sums, LoadF32(s.bias + row));
  if (s.add_to_out) sums = Add(LoadF32(out), sums);
  StoreF32(sums, out);
}

/// Calls Product::Run<n>(args...) for 1 <= n <= kMax.
template <class Product, int kMax, class... Args>
ALT_SIMD_INLINE void RunTokens(size_t n, const Args&... args) {
  if constexpr (kMax > 1) {
    if (n < static_cast<size_t>(kMax)) return RunTokens<Product, kMax - 1>(n, args...);
  }
  Product::template Run<kMax>(args...);
}

/// The next of the nearly equal shares of `left` tokens, at most `max` each.
ALT_SIMD_INLINE size_t NextTile(size_t left, size_t max) {
  const size_t n_tiles = (left + max - 1) / max;
  return (left + n_tiles - 1) / n_tiles;
}

// ---- P8 ----

/// The tokens of one register tile: first rows of the arrays of LinearSlice.
struct TileTokens {
  const int8_t* q8;
  const float* scale;
  const float* offset;
  const int32_t* sum16;
  const int32_t* first_sums;  // [tokens, sums a row], -kBias * (sum of the activations)
  size_t cols;
  size_t n_blocks;
};

template <class U>
constexpr size_t kSumsPerBlock = 32 / U::kScaleCols;

/// What a minimum is multiplied with: the sum of the activations that it goes with.
/// @param at    the block, counted from the tile's first token on
/// @param part  which of the block's kParts minimums
template <size_t kParts>
ALT_SIMD_INLINE F32x16 MinFactor(const TileTokens& x, size_t at, size_t part) {
  if constexpr (kParts == 1) return SetF32(x.offset[at]);
  return SetF32(x.scale[at] * static_cast<float>(x.sum16[at * kParts + part]));
}

/// The integer sums start at -bias * (sum of the activations), so that the bias costs nothing.
/// @param sum16  [n_sums * kSum16s] sums of 16 activations each
template <int kSum16s>
void FillFirstSums(int bias, const int32_t* sum16, size_t n_sums, int32_t* first_sums) {
  for (size_t i = 0; i < n_sums; ++i) {
    const int32_t sum = kSum16s == 1 ? sum16[i] : sum16[2 * i] + sum16[2 * i + 1];
    first_sums[i] = -bias * sum;
  }
}

/// first_sums of the tokens [token, token + n), for sums over kScaleCols columns.
template <int kScaleCols>
ALT_SIMD_INLINE void FillFirstSumsOf(const LinearSlice& s, int bias, size_t token, size_t n,
                                     int32_t* first_sums) {
  FillFirstSums<kScaleCols / 16>(bias, s.q8_sum16 + token * (s.cols / 16),
                                 n * (s.cols / kScaleCols), first_sums);
}

ALT_SIMD_INLINE TileTokens TileTokensAt(const LinearSlice& s, size_t token,
                                        const int32_t* first_sums) {
  const size_t n_blocks = s.cols / 32;
  return {s.q8 + token * s.cols,
          s.q8_scale + token * n_blocks,
          s.q8_offset + token * n_blocks,
          s.q8_sum16 + token * n_blocks * 2,
          first_sums,
          s.cols,
          n_blocks};
}

}  // namespace
}  // namespace altteul::kernels
