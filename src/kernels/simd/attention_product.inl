// The small product of attention: rows of cells times groups of 16 columns. Include after
// float_avx512.h or its twins; cells: kv_cache.inl.

#pragma once

namespace altteul::kernels {
namespace {

/// c[r][j] = sum_i a[r][i] b[i][j] over cells, i ascending in one chain of steps per sum. Columns
/// come in groups of 16; group g of row i of b lies at b + i * b_stride + g * group_stride.
struct Product {
  const float* a;  // [n_rows][n] cells
  size_t a_stride;
  const float* b;  // [n][n_groups * 16] cells
  size_t b_stride;
  size_t group_stride;
  size_t n;
  float* c;  // [n_rows][n_groups * 16]
  size_t c_stride;
};

template <class Cells, size_t kRows, size_t kGroups, bool kAccumulate>
[[gnu::noinline]] void MultiplyPass(const Product& product) {
  constexpr size_t kVecs = kGroups * 16 / kLanes;
  constexpr size_t kVecsPerGroup = 16 / kLanes;
  const float* a = product.a;
  const float* b = product.b;
  const size_t a_stride = product.a_stride;
  const size_t b_stride = product.b_stride;
  const size_t group_stride = product.group_stride;
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
  for (size_t i = 0; i < product.n; ++i) {
    Vec columns[kVecs];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) {
      columns[v] = Load(b + v / kVecsPerGroup * group_stride + v % kVecsPerGroup * kLanes);
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const Vec factor = Set1(a[r * a_stride + i]);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVecs; ++v) sums[r][v] = Cells::Step(factor, columns[v], sums[r][v]);
    }
    b += b_stride;
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) Store(c + r * c_stride + v * kLanes, sums[r][v]);
  }
}

/// As many groups as fit in registers at a time.
template <class Cells, size_t kRows, bool kAccumulate>
void MultiplyRows(Product product, size_t n_groups) {
  size_t group = 0;
  const auto pass = [&]<size_t kGroups>() {
    if constexpr (kGroups <= kWidestPass) {
      for (; group + kGroups <= n_groups; group += kGroups) {
        MultiplyPass<Cells, kRows, kGroups, kAccumulate>(product);
        product.b += kGroups * product.group_stride;
        product.c += kGroups * 16;
      }
    }
  };
  pass.template operator()<4>();
  pass.template operator()<2>();
  pass.template operator()<1>();
}

template <class Cells, bool kAccumulate>
void Multiply(const Product& product, size_t n_rows, size_t n_groups) {
  static_assert(kRowTile == 6);
  switch (n_rows) {
    case 1:
      return MultiplyRows<Cells, 1, kAccumulate>(product, n_groups);
    case 2:
      return MultiplyRows<Cells, 2, kAccumulate>(product, n_groups);
    case 3:
      return MultiplyRows<Cells, 3, kAccumulate>(product, n_groups);
    case 4:
      return MultiplyRows<Cells, 4, kAccumulate>(product, n_groups);
    case 5:
      return MultiplyRows<Cells, 5, kAccumulate>(product, n_groups);
    default:
      return MultiplyRows<Cells, 6, kAccumulate>(product, n_groups);
  }
}

}  // namespace
}  // namespace altteul::kernels
