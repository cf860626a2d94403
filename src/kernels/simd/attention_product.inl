// SPDX-License-Identifier: Apache-2.0

// The small product of attention: rows of cells times groups of 16 columns. Include after
// float_avx512.h or its twins; cells: kv_cache.inl.

#pragma once

#include "kernels/simd/attention_columns.inl"

namespace altteul::kernels {
namespace {

/// c[r][j] = sum_i a[r][i] b[i][j] over cells, i ascending in one chain of steps per sum.
template <class Columns>
struct Product {
  const float* a;  // [n_rows][n] cells
  size_t a_stride;
  Columns b;  // [n][n_groups * 16] cells
  size_t n;
  float* c;  // [n_rows][n_groups * 16]
  size_t c_stride;
};

template <class Cells, size_t kRows, size_t kGroups, bool kAccumulate, class Columns>
[[gnu::noinline]] void MultiplyPass(const Product<Columns>& product) {
  constexpr size_t kVecs = kGroups * kVecsPerGroup;
  const float* a = product.a;
  Columns b = product.b;
  const size_t a_stride = product.a_stride;
  const size_t c_stride = product.c_stride;
  float* c = product.c;

  Vec sums[kRows][kVecs];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) {
      sums[r][v] = kAccumulate ? Load(c + r * c_stride + v * kLanes) : Zero();
    }
  }
  b.template Start<kVecs>();
  for (size_t i = 0; i < product.n; ++i) {
    Vec columns[kVecs];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) columns[v] = b.At(v);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const Vec factor = Set1(a[r * a_stride + i]);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVecs; ++v) sums[r][v] = Cells::Step(factor, columns[v], sums[r][v]);
    }
    b.template Next<kVecs>();
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) Store(c + r * c_stride + v * kLanes, sums[r][v]);
  }
}

/// As many groups as fit in registers at a time.
template <class Cells, size_t kRows, bool kAccumulate, class Columns>
void MultiplyRows(Product<Columns> product, size_t n_groups) {
  size_t group = 0;
  const auto pass = [&]<size_t kGroups>() {
    if constexpr (kGroups <= kWidestPass) {
      for (; group + kGroups <= n_groups; group += kGroups) {
        MultiplyPass<Cells, kRows, kGroups, kAccumulate>(product);
        product.b = product.b.FromGroup(kGroups);
        product.c += kGroups * 16;
      }
    }
  };
  pass.template operator()<4>();
  pass.template operator()<2>();
  pass.template operator()<1>();
}

/// @pre 1 to kMostRows rows
template <class Cells, bool kAccumulate, size_t kMostRows, class Columns>
void Multiply(const Product<Columns>& product, size_t n_rows, size_t n_groups) {
  if constexpr (kMostRows > 1) {
    if (n_rows < kMostRows) {
      return Multiply<Cells, kAccumulate, kMostRows - 1>(product, n_rows, n_groups);
    }
  }
  MultiplyRows<Cells, kMostRows, kAccumulate>(product, n_groups);
}

}  // namespace
}  // namespace altteul::kernels
