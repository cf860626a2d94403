// SPDX-License-Identifier: Apache-2.0

// Where the small products of attention read their columns: from decoded cells, or straight from
// the cache when rows are so few that decoded cells would serve only once. Include after
// kv_cache.inl.
//
// A column source stands at one step of a product (a cell's height) and at one group of 16 columns.
//   At(v)        the cells of vector v of this step, counted from this group on
//   Next<n>()    to the next step; n vectors are in use
//   Start<n>()   before the first step of a pass
//   FromStep(i), FromGroup(g)   a source that stands so much further

#pragma once

#include "kernels/simd/kv_cache.inl"

namespace altteul::kernels {
namespace {

constexpr size_t kVecsPerGroup = 16 / kLanes;

/// Cells in memory.
struct CellColumns {
  const float* cells;
  size_t step_stride;  // in floats, as group_stride
  size_t group_stride;

  [[gnu::always_inline]] Vec At(size_t v) const {
    return Load(cells + v / kVecsPerGroup * group_stride + v % kVecsPerGroup * kLanes);
  }
  template <size_t kVecs>
  void Start() {}
  template <size_t kVecs>
  [[gnu::always_inline]] void Next() {
    cells += step_stride;
  }
  CellColumns FromStep(size_t i) const {
    return {cells + i * step_stride, step_stride, group_stride};
  }
  CellColumns FromGroup(size_t g) const {
    return {cells + g * group_stride, step_stride, group_stride};
  }
};

/// Asks for the `kBytes` at `ahead`, a share of what is read after this product.
template <size_t kBytes>
[[gnu::always_inline]] inline void PrefetchShareOf(const std::byte* ahead) {
#pragma GCC unroll 8
  for (size_t i = 0; i < kBytes; i += 64) __builtin_prefetch(ahead + i);
}

/// The same, and into the second cache the `kBytes` at `later`: pages lie apart, so that a
/// processor does not see by itself what comes behind the next.
template <size_t kBytes>
[[gnu::always_inline]] inline void PrefetchSharesOf(const std::byte* ahead,
                                                    const std::byte* later) {
  PrefetchShareOf<kBytes>(ahead);
#pragma GCC unroll 8
  for (size_t i = 0; i < kBytes; i += 64) __builtin_prefetch(later + i, 0, 2);
}

/// Keys of a tile in the cache: a step is a cell of head_dim, a group 16 keys.
template <class Cells, KvType kType>
struct KeyColumns {
  const std::byte* elements;  // of the tile, [4][head_dim][16]
  const uint16_t* scales;     // of the tile, [4][head_dim / 32][16]
  size_t head_dim;            // a multiple of 16
  const std::byte* ahead;     // what is read after this tile's keys
  const std::byte* later;     // and a tile behind that
  size_t group = 0;
  size_t d = 0;
  Vec scale[4 * kVecsPerGroup] = {};  // those of d / 32

  [[gnu::always_inline]] Vec At(size_t v) const {
    const size_t at =
        ((group + v / kVecsPerGroup) * head_dim + d) * 16 + v % kVecsPerGroup * kLanes;
    const Vec first = LoadKv<kType>(elements, at, scale[v]);
    if constexpr (Cells::kValues == 1) {
      return first;
    } else {
      return Cells::Pack(first, LoadKv<kType>(elements, at + 16, scale[v]));
    }
  }
  template <size_t kVecs>
  [[gnu::always_inline]] void Start() {
    if constexpr (!HasScales(kType)) return;
#pragma GCC unroll 16
    for (size_t v = 0; v < kVecs; ++v) {
      scale[v] = LoadF16(scales + ((group + v / kVecsPerGroup) * (head_dim / 32) + d / 32) * 16 +
                         v % kVecsPerGroup * kLanes);
    }
  }
  template <size_t kVecs>
  [[gnu::always_inline]] void Next() {
    constexpr size_t kStepBytes = BytesOf(kType, kVecs * kLanes * Cells::kValues);
    PrefetchSharesOf<kStepBytes>(ahead, later);
    ahead += kStepBytes;
    later += kStepBytes;
    d += Cells::kValues;
    if (HasScales(kType) && d % 32 == 0 && d < head_dim) Start<kVecs>();
  }
  KeyColumns FromGroup(size_t g) const {
    KeyColumns other = *this;
    other.group += g;
    other.ahead += BytesOf(kType, g * 16 * head_dim);
    other.later += BytesOf(kType, g * 16 * head_dim);
    return other;
  }
};

/// Values of a tile in the cache: a step is a cell of keys, a group 16 of head_dim.
template <class Cells, KvType kType>
struct ValueColumns {
  const std::byte* elements;  // of the tile, [64][head_dim]
  const uint16_t* scales;     // of the tile, [64][head_dim / 32]
  size_t head_dim;            // a multiple of 16
  const std::byte* ahead;     // what is read after this tile's values
  const std::byte* later;     // and a tile behind that
  size_t key = 0;
  size_t d = 0;

  /// Vector v of a row. A pass of several groups starts at a whole block of 32, so that vectors of
  /// one block share a scale for the compiler to see.
  [[gnu::always_inline]] Vec Row(size_t row, size_t v) const {
    Vec scale = Zero();
    if constexpr (HasScales(kType)) {
      scale = Set1(F16ScalarToF32(scales[row * (head_dim / 32) + d / 32 + v * kLanes / 32]));
    }
    return LoadKv<kType>(elements, row * head_dim + d + v * kLanes, scale);
  }
  [[gnu::always_inline]] Vec At(size_t v) const {
    if constexpr (Cells::kValues == 1) {
      return Row(key, v);
    } else {
      return Cells::Pack(Row(key, v), Row(key + 1, v));
    }
  }
  template <size_t kVecs>
  void Start() {}
  template <size_t kVecs>
  [[gnu::always_inline]] void Next() {
    constexpr size_t kStepBytes = BytesOf(kType, kVecs * kLanes * Cells::kValues);
    PrefetchSharesOf<kStepBytes>(ahead, later);
    ahead += kStepBytes;
    later += kStepBytes;
    key += Cells::kValues;
  }
  ValueColumns FromStep(size_t i) const {
    ValueColumns other = *this;
    other.key += i * Cells::kValues;
    return other;
  }
  ValueColumns FromGroup(size_t g) const {
    ValueColumns other = *this;
    other.d += g * 16;
    return other;
  }
};

}  // namespace
}  // namespace altteul::kernels
