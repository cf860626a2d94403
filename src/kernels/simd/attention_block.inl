// SPDX-License-Identifier: Apache-2.0

// Attention of one block: up to 48 rows (a token's query head each) of one kv head.
//
// Tile by tile, 64 keys and values are decoded to cells (kv_cache.inl) once and then serve six rows
// at a time: scores and weighted values are the same small product, sums in registers, one load of
// a key vector for six rows. A block of few rows decodes in registers instead, with the same bits.
//
// Which rows share a register tile must not show in the result. A score is a lane of its own, so
// extra keys do no harm; but a value of a key that a row does not see is never multiplied, not even
// by zero, since it may be NaN. So the keys that all six rows see are taken together, and the few
// at the edges row by row; the order stays ascending for each row.

#pragma once

#include "kernels/simd/attention_product.inl"
#include "kernels/simd/float_math.inl"
#include "kernels/simd/kv_cache.inl"

namespace altteul::kernels {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();

/// Keys [first, last), relative to a tile's start.
struct KeyRange {
  size_t first;
  size_t last;
};

struct Block {
  HeadCache head;
  size_t n_rows;  // n_tokens * n_heads, at most kBlockRows; heads of a token side by side
  size_t window;
  float scale;
  float softcap;
  HeadTile next;   // what this thread will most likely read after this work
  size_t padded;   // see ScratchPlan, as the rest
  float* keys;     // cells
  float* values;   // cells
  float* queries;  // cells
  float* weights;  // scores, then cells
  float* segment;
  float* total;
  float* segment_max;
  float* segment_sum;
  float* total_max;
  float* total_sum;
  size_t position[kBlockRows];  // of each row
};

/// The first key that the query at `position` sees.
inline size_t FirstKey(const Block& block, size_t position) {
  return block.window == 0 || position < block.window ? 0 : position - block.window + 1;
}

/// What part of the `length` keys from `start` the rows [row, last_row] see, together.
inline KeyRange SeenBy(const Block& block, size_t row, size_t last_row, size_t start,
                       size_t length) {
  const size_t first = FirstKey(block, block.position[row]);
  const size_t last = block.position[last_row] + 1;
  const size_t from = first > start ? first - start : 0;
  const size_t to = last < start + length ? (last > start ? last - start : 0) : length;
  return {from, to > from ? to : from};
}

/// A bit for each key of the range.
inline uint64_t LanesOf(KeyRange range) {
  const uint64_t upto = range.last == 64 ? ~uint64_t{0} : (uint64_t{1} << range.last) - 1;
  return upto & ~((uint64_t{1} << range.first) - 1);
}

/// Scales the products [64] of a row and returns the largest in all lanes, or `max` if that is
/// larger; keys outside `seen` become -infinity.
inline Vec ScaleScores(const Block& block, KeyRange seen, float* scores, float max) {
  constexpr size_t kVecs = kKeyTile / kLanes;
  const uint64_t lanes = LanesOf(seen);
  Vec largest = Set1(kMinusInfinity);
  for (size_t v = 0; v < kVecs; ++v) {
    Vec s = Mul(Set1(block.scale), Load(scores + v * kLanes));
    if (block.softcap > 0.0f) {
      const Vec cap = Set1(block.softcap);
      s = Mul(cap, Tanh(Div(s, cap)));
    }
    s = Select(static_cast<uint32_t>(lanes >> (v * kLanes)), s, Set1(kMinusInfinity));
    Store(scores + v * kLanes, s);
    largest = Max(largest, s);
  }
  return Max(Set1(max), MaxOfLanes(largest));
}

/// One step of the online softmax: scores [64] -> cells of exp(score - new_max) in place, 0 outside
/// `seen`. Returns exp(old max - new max), by which all earlier sums must be multiplied.
template <class Cells>
inline float WeighScores(KeyRange seen, Vec new_max, float* scores, float* max, float* sum) {
  constexpr size_t kVecs = kKeyTile / kLanes;
  const uint64_t lanes = LanesOf(seen);
  const float old_max = *max;
  *max = FirstLane(new_max);
  // 1 without a new maximum; minus infinity less itself would be NaN. No branch: among the first
  // tiles of a context nobody could predict it.
  const Vec correction =
      SelectLess(Set1(old_max), new_max, Exp(Sub(Set1(old_max), new_max)), Set1(1.0f));
  Vec s[kVecs];
  for (size_t v = 0; v < kVecs; ++v) {
    s[v] = Select(static_cast<uint32_t>(lanes >> (v * kLanes)),
                  Cells::Exp(Sub(Load(scores + v * kLanes), new_max)), Zero());
  }
  if constexpr (Cells::kValues == 1) {
    for (size_t v = 0; v < kVecs; ++v) Store(scores + v * kLanes, s[v]);
  } else {
    for (size_t v = 0; v < kVecs; v += 2) {
      Store(scores + v / 2 * kLanes, Cells::PackNeighbours(s[v], s[v + 1]));
    }
  }
  // Neighbours first: (0 + 1) + (2 + 3) for four vectors.
  for (size_t n = kVecs; n > 1; n /= 2) {
    for (size_t v = 0; v < n / 2; ++v) s[v] = Add(s[2 * v], s[2 * v + 1]);
  }
  *sum = FirstLane(Fma(Set1(*sum), correction, SumOfLanes(s[0])));
  return FirstLane(correction);
}

template <class Cells>
inline float SoftmaxStep(const Block& block, KeyRange seen, float* scores, float* max, float* sum) {
  const Vec new_max = ScaleScores(block, seen, scores, *max);
  return WeighScores<Cells>(seen, new_max, scores, max, sum);
}

inline void ScaleRow(float* row, size_t padded, float factor) {
  for (size_t d = 0; d < padded; d += kLanes) Store(row + d, Mul(Load(row + d), Set1(factor)));
}

/// The cell that holds key `key`, of which the row sees only this one of its two.
template <class Cells, class Values>
inline void AddHalfCell(const Block& block, const Values& values, size_t row, const float* weights,
                        size_t key) {
  const Values cell = values.FromStep(key / 2);
  const Vec weight = Set1(weights[key / 2]);
  float* out = block.segment + row * block.padded;
  for (size_t v = 0; v * kLanes < block.padded; ++v) {
    const Vec both = cell.At(v);
    const Vec one = key % 2 == 0 ? Cells::KeepFirst(both) : Cells::KeepSecond(both);
    Store(out + v * kLanes, Cells::Step(weight, one, Load(out + v * kLanes)));
  }
}

/// o[d] += p[k] V[k][d] for the keys of `seen`, rows [row, row + n_rows), cells ascending.
/// @param weights  cells [n_rows][kKeyTile]
/// @pre more than one row: `seen` is made of whole cells
template <class Cells, size_t kMostRows, class Values>
inline void AddValues(const Block& block, const Values& values, size_t row, size_t n_rows,
                      const float* weights, KeyRange seen) {
  constexpr size_t n = Cells::kValues;
  if (seen.first >= seen.last) return;
  if constexpr (n == 2) {
    if (seen.first % n != 0) AddHalfCell<Cells>(block, values, row, weights, seen.first);
  }
  const size_t first = (seen.first + n - 1) / n;
  const size_t last = seen.last / n;
  if (first < last) {
    const Product<Values> product = {.a = weights + first,
                                     .a_stride = kKeyTile,
                                     .b = values.FromStep(first),
                                     .n = last - first,
                                     .c = block.segment + row * block.padded,
                                     .c_stride = block.padded};
    Multiply<Cells, true, kMostRows>(product, n_rows, block.padded / 16);
  }
  if constexpr (n == 2) {
    if (seen.last % n != 0) AddHalfCell<Cells>(block, values, row, weights, seen.last - 1);
  }
}

/// Rows [row, row + n_rows), at most kMostRows <= kRowTile, over the tile at `start`.
template <class Cells, size_t kMostRows, class Keys, class Values>
inline void AttendRows(const Block& block, const Keys& keys, const Values& values, size_t row,
                       size_t n_rows, size_t start) {
  constexpr size_t n = Cells::kValues;
  const KeyRange any = SeenBy(block, row, row + n_rows - 1, start, kKeyTile);
  if (any.first >= any.last) return;
  const size_t first_group = any.first / 16;
  const size_t last_group = (any.last + 15) / 16;
  const Product<Keys> product = {.a = block.queries + row * block.padded,
                                 .a_stride = block.padded,
                                 .b = keys.FromGroup(first_group),
                                 .n = (block.head.head_dim + n - 1) / n,
                                 .c = block.weights + first_group * 16,
                                 .c_stride = kKeyTile};
  Multiply<Cells, false, kMostRows>(product, n_rows, last_group - first_group);

  KeyRange seen[kRowTile];
  KeyRange all = any;  // what every row sees
  for (size_t r = 0; r < n_rows; ++r) {
    seen[r] = SeenBy(block, row + r, row + r, start, kKeyTile);
    if (seen[r].first > all.first) all.first = seen[r].first;
    if (seen[r].last < all.last) all.last = seen[r].last;
    if (seen[r].first >= seen[r].last) continue;
    const float correction =
        SoftmaxStep<Cells>(block, seen[r], block.weights + r * kKeyTile,
                           block.segment_max + row + r, block.segment_sum + row + r);
    ScaleRow(block.segment + (row + r) * block.padded, block.padded, correction);
  }
  all.first = (all.first + n - 1) / n * n;
  all.last = all.last / n * n;

  const auto add_one = [&](size_t r, KeyRange range) {
    AddValues<Cells, 1>(block, values, row + r, 1, block.weights + r * kKeyTile, range);
  };
  if (all.first >= all.last) {
    for (size_t r = 0; r < n_rows; ++r) add_one(r, seen[r]);
    return;
  }
  for (size_t r = 0; r < n_rows; ++r) add_one(r, {seen[r].first, all.first});
  AddValues<Cells, kMostRows>(block, values, row, n_rows, block.weights, all);
  for (size_t r = 0; r < n_rows; ++r) add_one(r, {all.last, seen[r].last});
}

/// So many rows read the cache itself: decoded cells would serve only one register tile.
constexpr size_t kDirectRows = 4;

/// What is read after the tile at `start` of a run that ends at `end`. Only to be asked for early.
inline HeadTile TileAfter(const Block& block, size_t start, size_t end) {
  const size_t next = start + kKeyTile;
  return next < end ? TileOf(block.head, next) : block.next;
}

/// All rows of a small block over the tile at `start`, straight from a cache of kType.
template <class Cells, KvType kType>
inline void AttendTileDirect(const Block& block, const HeadTile& tile, size_t start, size_t end) {
  const size_t n = block.head.head_dim;
  const HeadTile next = TileAfter(block, start, end);
  const HeadTile later = TileAfter(block, start + kKeyTile, end);
  const KeyColumns<Cells, kType> keys = {.elements = tile.keys,
                                         .scales = tile.key_scales,
                                         .head_dim = n,
                                         .ahead = tile.values,
                                         .later = next.values};
  const ValueColumns<Cells, kType> values = {.elements = tile.values,
                                             .scales = tile.value_scales,
                                             .head_dim = n,
                                             .ahead = next.keys,
                                             .later = later.keys};
  AttendRows<Cells, kDirectRows>(block, keys, values, 0, block.n_rows, start);
}

/// All rows of the block over the tile at `start`, in a run of tiles that ends at `end`.
template <class Cells>
inline void AttendTile(const Block& block, size_t start, size_t end) {
  const HeadTile tile = TileOf(block.head, start);
  if (block.n_rows <= kDirectRows && block.padded == block.head.head_dim) {
    switch (block.head.type) {
      case KvType::kF32:
      case KvType::kQ8_0:  // never here, see attention_q8.inl
        break;
      case KvType::kF16:
        return AttendTileDirect<Cells, KvType::kF16>(block, tile, start, end);
      case KvType::kBF16:
        return AttendTileDirect<Cells, KvType::kBF16>(block, tile, start, end);
      case KvType::kQ4_0:
        return AttendTileDirect<Cells, KvType::kQ4_0>(block, tile, start, end);
    }
  }
  const KeyRange any = SeenBy(block, 0, block.n_rows - 1, start, kKeyTile);
  constexpr size_t n = Cells::kValues;
  const size_t n_cells = (block.head.head_dim + n - 1) / n;
  const CellColumns keys = {
      .cells = ReadKeys<Cells>(block.head, tile, any.first / 16, (any.last + 15) / 16, block.keys),
      .step_stride = 16,
      .group_stride = n_cells * 16};
  const CellColumns values = {
      .cells = ReadValues<Cells>(block.head, tile, any.first, any.last, block.padded, block.values),
      .step_stride = block.padded,
      .group_stride = 16};

  const size_t n_tiles = (block.n_rows + kRowTile - 1) / kRowTile;
  for (size_t i = 0; i < n_tiles; ++i) {  // even shares: 8 rows are 4 + 4
    const size_t row = block.n_rows * i / n_tiles;
    const size_t n_rows = block.n_rows * (i + 1) / n_tiles - row;
    AttendRows<Cells, kRowTile>(block, keys, values, row, n_rows, start);
  }
}

inline void ClearSums(const Block& block, float* sums, float* max, float* sum) {
  for (size_t i = 0; i < block.n_rows * block.padded; i += kLanes) Store(sums + i, Zero());
  for (size_t row = 0; row < block.n_rows; ++row) {
    max[row] = kMinusInfinity;
    sum[row] = 0.0f;
  }
}

/// total = total * exp(M - M') + segment * exp(m - M'), M' the larger maximum.
struct SegmentMerge {
  Vec keep;
  Vec take;

  /// Sets *total_max to the larger one.
  SegmentMerge(float* total_max, float segment_max) {
    const Vec old_max = Set1(*total_max);
    const Vec new_max = Max(old_max, Set1(segment_max));
    keep = Exp(Sub(old_max, new_max));
    take = Exp(Sub(Set1(segment_max), new_max));
    *total_max = FirstLane(new_max);
  }
  Vec Of(Vec total, Vec segment) const { return Fma(total, keep, Mul(segment, take)); }
  float Of(float total, float segment) const { return FirstLane(Of(Set1(total), Set1(segment))); }
};

inline void MergeSegment(const Block& block, size_t row) {
  const SegmentMerge merge(block.total_max + row, block.segment_max[row]);
  block.total_sum[row] = merge.Of(block.total_sum[row], block.segment_sum[row]);
  float* total = block.total + row * block.padded;
  const float* segment = block.segment + row * block.padded;
  for (size_t d = 0; d < block.padded; d += kLanes) {
    Store(total + d, merge.Of(Load(total + d), Load(segment + d)));
  }
}

/// Fills segment, segment_max and segment_sum of every row of the block.
/// @param segment  its first position
template <class Cells>
inline void AttendSegment(const Block& block, size_t segment) {
  const size_t first = FirstKey(block, block.position[0]);
  const size_t last = block.position[block.n_rows - 1] + 1;
  const size_t end = last < segment + kKeySegment ? last : segment + kKeySegment;
  ClearSums(block, block.segment, block.segment_max, block.segment_sum);
  for (size_t tile = segment; tile < end; tile += kKeyTile) {
    if (tile + kKeyTile > first) AttendTile<Cells>(block, tile, end);
  }
}

/// Fills total and total_sum of every row of the block.
template <class Cells>
inline void AttendBlock(const Block& block) {
  ClearSums(block, block.total, block.total_max, block.total_sum);
  const size_t first = FirstKey(block, block.position[0]);
  const size_t end = block.position[block.n_rows - 1] + 1;
  for (size_t segment = first / kKeySegment * kKeySegment; segment < end; segment += kKeySegment) {
    AttendSegment<Cells>(block, segment);
    for (size_t row = 0; row < block.n_rows; ++row) {
      const KeyRange seen = SeenBy(block, row, row, segment, kKeySegment);
      if (seen.first < seen.last) MergeSegment(block, row);
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
