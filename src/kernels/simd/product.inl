// SPDX-License-Identifier: Apache-2.0

// Products over Vec. Include after float_avx512.h or its like, with kTileRows and kTileVecs set:
// kTileRows rows by kTileVecs vectors are the sums that registers hold.

#pragma once

#include "kernels/product.h"

namespace altteul::kernels {
namespace {

// What is packed at once: kDepth rows of kPackedCols of x, tile by tile, and kDepth columns of
// kPackedRows rows of `a`. A tile of x (16 KiB) passes through the smallest L1 cache, the rest
// stays in L2. Whole tiles lie at neighbouring addresses, whatever the strides: those of most
// models put a column into one set of the cache.
constexpr size_t kTileCols = kTileVecs * kLanes;
constexpr size_t kDepth = 128;
constexpr size_t kPackedCols = 256;
constexpr size_t kPackedRows = 192;
static_assert(kPackedCols % kTileCols == 0 && kPackedRows % kTileRows == 0);

/// One row: kVecs vectors of y stay in registers while all rows of x pass.
template <size_t kVecs>
inline void AddRowsAt(const AddProductArgs& args, size_t column) {
  Vec sums[kVecs];
#pragma GCC unroll 8
  for (size_t v = 0; v < kVecs; ++v) sums[v] = Load(args.y + column + v * kLanes);
  const float* x = args.x + column;
  for (size_t k = 0; k < args.depth; ++k, x += args.x_stride) {
    const Vec factor = Set1(args.a[k]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) sums[v] = Fma(factor, Load(x + v * kLanes), sums[v]);
  }
#pragma GCC unroll 8
  for (size_t v = 0; v < kVecs; ++v) Store(args.y + column + v * kLanes, sums[v]);
}

/// One row and an x that is not turned: each of its numbers is used once, so none is packed.
inline void AddRows(const AddProductArgs& args) {
  constexpr size_t kWide = 8;
  size_t column = 0;
  for (; column + kWide * kLanes <= args.width; column += kWide * kLanes) {
    AddRowsAt<kWide>(args, column);
  }
  for (; column + kLanes <= args.width; column += kLanes) AddRowsAt<1>(args, column);
  if (column == args.width) return;
  const size_t n = args.width - column;
  Vec sum = LoadPart(args.y + column, n);
  for (size_t k = 0; k < args.depth; ++k) {
    const Vec x = LoadPart(args.x + k * args.x_stride + column, n);
    sum = Fma(Set1(args.a[k]), x, sum);
  }
  StorePart(args.y + column, sum, n);
}

/// a [depth, kRows] with x [depth, kTileCols], both packed. y [kRows, y_stride]
template <size_t kRows>
inline void MultiplyTile(const float* a, const float* x, size_t depth, float* y, size_t y_stride) {
  Vec sums[kRows][kTileVecs];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kTileVecs; ++v) sums[r][v] = Load(y + r * y_stride + v * kLanes);
  }
  for (size_t k = 0; k < depth; ++k, a += kRows, x += kTileCols) {
    Vec cols[kTileVecs];
#pragma GCC unroll 4
    for (size_t v = 0; v < kTileVecs; ++v) cols[v] = Load(x + v * kLanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      const Vec factor = Set1(a[r]);
#pragma GCC unroll 4
      for (size_t v = 0; v < kTileVecs; ++v) sums[r][v] = Fma(factor, cols[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kTileVecs; ++v) Store(y + r * y_stride + v * kLanes, sums[r][v]);
  }
}

/// The same for the first `cols` of a tile's columns.
template <size_t kRows>
inline void MultiplyPart(const float* a, const float* x, size_t depth, float* y, size_t y_stride,
                         size_t cols) {
  alignas(64) float part[kRows * kTileCols] = {};
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t c = 0; c < cols; ++c) part[r * kTileCols + c] = y[r * y_stride + c];
  }
  MultiplyTile<kRows>(a, x, depth, part, kTileCols);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t c = 0; c < cols; ++c) y[r * y_stride + c] = part[r * kTileCols + c];
  }
}

/// What is multiplied at once.
struct ProductBlock {
  size_t n_rows, depth, width;
  const float* a;  ///< packed: tiles of [depth, kTileRows], the last ones of fewer rows
  const float* x;  ///< packed: tiles of [depth, kTileCols]
  float* y;
  size_t y_stride;
};

/// Rows from `row` on with one tile of x, kRows at a time and then fewer.
template <size_t kRows>
inline void MultiplyRows(const ProductBlock& block, size_t row, size_t column) {
  const float* x = block.x + column * block.depth;
  const size_t cols = block.width - column;
  for (; row + kRows <= block.n_rows; row += kRows) {
    const float* a = block.a + row * block.depth;
    float* y = block.y + row * block.y_stride + column;
    if (cols >= kTileCols) {
      MultiplyTile<kRows>(a, x, block.depth, y, block.y_stride);
    } else {
      MultiplyPart<kRows>(a, x, block.depth, y, block.y_stride, cols);
    }
  }
  if constexpr (kRows > 1) {
    if (row < block.n_rows) MultiplyRows<kRows / 2>(block, row, column);
  }
}

/// Rows from `row` on, [depth] of each, in the tiles that MultiplyRows() reads.
template <size_t kRows>
inline void PackRows(const float* a, size_t stride, size_t n_rows, size_t row, size_t depth,
                     float* packed) {
  for (; row + kRows <= n_rows; row += kRows) {
    for (size_t r = 0; r < kRows; ++r) {
      const float* from = a + (row + r) * stride;
      float* to = packed + row * depth + r;
      for (size_t k = 0; k < depth; ++k) to[k * kRows] = from[k];
    }
  }
  if constexpr (kRows > 1) {
    if (row < n_rows) PackRows<kRows / 2>(a, stride, n_rows, row, depth, packed);
  }
}

/// x [depth, stride], of which `width` columns; zeros behind the last.
inline void PackCols(const float* x, size_t stride, size_t depth, size_t width, float* packed) {
  for (size_t k = 0; k < depth; ++k, x += stride) {
    float* to = packed + k * kTileCols;
    size_t c = 0;
    for (; c + kTileCols <= width; c += kTileCols, to += depth * kTileCols) {
#pragma GCC unroll 4
      for (size_t v = 0; v < kTileVecs; ++v) Store(to + v * kLanes, Load(x + c + v * kLanes));
    }
    if (c == width) continue;
    for (size_t i = 0; i < kTileCols; ++i) to[i] = c + i < width ? x[c + i] : 0.0f;
  }
}

/// The same from x^T: x [width, stride], of which `depth` columns.
inline void PackTurned(const float* x, size_t stride, size_t depth, size_t width, float* packed) {
  const size_t n_cols = (width + kTileCols - 1) / kTileCols * kTileCols;
  for (size_t c = 0; c < n_cols; ++c) {
    const float* from = x + c * stride;
    float* to = packed + c / kTileCols * kTileCols * depth + c % kTileCols;
    for (size_t k = 0; k < depth; ++k) to[k * kTileCols] = c < width ? from[k] : 0.0f;
  }
}

/// x from row k and `column` on.
inline void PackX(const AddProductArgs& args, size_t k, size_t column, size_t depth, size_t width,
                  float* packed) {
  if (args.x_is_turned) {
    PackTurned(args.x + column * args.x_stride + k, args.x_stride, depth, width, packed);
  } else {
    PackCols(args.x + k * args.x_stride + column, args.x_stride, depth, width, packed);
  }
}

inline size_t AtMost(size_t n, size_t most) { return n < most ? n : most; }

inline void AddProduct(const AddProductArgs& args) {
  if (args.n_rows == 1 && !args.x_is_turned) return AddRows(args);
  alignas(64) float a[kPackedRows * kDepth];
  alignas(64) float x[kPackedCols * kDepth];
  for (size_t row = 0; row < args.n_rows; row += kPackedRows) {
    const size_t n_rows = AtMost(args.n_rows - row, kPackedRows);
    for (size_t k = 0; k < args.depth; k += kDepth) {
      const size_t depth = AtMost(args.depth - k, kDepth);
      PackRows<kTileRows>(args.a + row * args.a_stride + k, args.a_stride, n_rows, 0, depth, a);
      for (size_t column = 0; column < args.width; column += kPackedCols) {
        const size_t width = AtMost(args.width - column, kPackedCols);
        PackX(args, k, column, depth, width, x);
        const ProductBlock block = {
            n_rows, depth, width, a, x, args.y + row * args.y_stride + column, args.y_stride};
        for (size_t c = 0; c < width; c += kTileCols) MultiplyRows<kTileRows>(block, 0, c);
      }
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
