// SPDX-License-Identifier: Apache-2.0

// Attention of one block over a q8_0 cache: codes are multiplied as they lie, in integers. Include
// after float_avx512.h or its twins; the arithmetic is in attention.h.
//
// Both products take four bytes a lane: four of head_dim of a key against those of a query, and
// four keys' values against their weights. Weights have 14 bits: as two digits of seven they fit on
// either side of any instruction that multiplies bytes. float_avx512.h and its twins have
//   Ints                    kLanes integers, or as many groups of four bytes
//   DotKeys(keys, query, sum)   sum + four products a lane + kKeyBias * the query's four bytes
//   StoreWeights(x, weights)    64 integers below 2^14 in the form that FourWeights reads
//   FourWeights(weights, i)     those of keys 4 i .. 4 i + 3
//   AddValues(four, values, sums)   adds their products with values, for kLanes of head_dim
//   JoinSums(sums)              the finished sums
//
// Integer sums have no order, so rows share register tiles freely. A key that a row does not see
// has weight 0 exactly; a value is a code, so nothing in it turns 0 into NaN.

#pragma once

#include "kernels/simd/attention_block.inl"

namespace altteul::kernels {
namespace {

/// Scores and weights as F32Cells, the exponential as the fast cells.
struct Q8Cells {
  static constexpr size_t kValues = 1;
  static Vec Exp(Vec x) { return FastCells::Exp(x); }
};

constexpr size_t kTileVecs = kKeyTile / kLanes;
constexpr float kMostWeight = 16383.0f;    ///< two digits of seven bits
constexpr float kLeastWeight = 0x1p-100f;  ///< smaller ones count as 0: their steps underflow
constexpr size_t kVecBytes = kLanes * 4;   ///< four bytes a lane
constexpr size_t kValueVecs = kLanes == 8 ? 1 : 2;  ///< twice as many sums a row fit in registers

/// A query row in the place of head_dim floats: codes, then a scale for each 32, and what the
/// integer sums of each 32 start from.
struct Q8Query {
  int8_t* codes;
  float* scales;
  int32_t* starts;

  Q8Query(float* row, size_t head_dim)
      : codes(reinterpret_cast<int8_t*>(row)),
        scales(row + head_dim / 4),
        starts(reinterpret_cast<int32_t*>(scales + head_dim / 32)) {}
};

inline void QuantizeQuery(const float* q, size_t n, float* row) {
  const Q8Query query(row, n);
  for (size_t block = 0; block < n / 32; ++block) {
    int8_t* codes = query.codes + block * 32;
    const float scale = ReachOf32(q + block * 32).larger() / 127.0f;
    const float sum = CodesOf32(q + block * 32, scale, -127.0f, 127.0f, codes);
    query.scales[block] = scale;
    query.starts[block] = -kKeyBias * static_cast<int32_t>(sum);
  }
}

/// One tile of the cache, and what to ask for while it is read.
struct Q8Tile {
  const std::byte* keys;         // [4][head_dim / 4][16][4]
  const std::byte* values;       // [16][head_dim][4]
  const uint16_t* key_scales;    // [4][head_dim / 32][16]
  const uint16_t* value_scales;  // [4][head_dim / 32][16]
  const std::byte* next_keys;    // of the tile read after this one
  const std::byte* next_values;
  const std::byte* later_keys;  // of the tile behind that
};

/// Asks for a share of what is read after this product, and into the second cache for what is read
/// a tile later: products of bytes are faster than memory answers to the first alone.
template <size_t kBytes>
[[gnu::always_inline]] inline void PrefetchQ8(const std::byte* ahead, const std::byte* later) {
  PrefetchShareOf<kBytes>(ahead);
#pragma GCC unroll 8
  for (size_t i = 0; i < kBytes; i += 64) __builtin_prefetch(later + i, 0, 2);
}

/// scores[row + r][k] for the kGroups * 16 keys from `group` on; blocks of head_dim ascending.
template <size_t kRows, size_t kGroups>
[[gnu::noinline]] void ScorePass(const Block& block, const Q8Tile& tile, size_t row, size_t group) {
  constexpr size_t kVecs = kGroups * kVecsPerGroup;
  const size_t n = block.head.head_dim;
  const size_t stride = block.padded;
  const Q8Query query(block.queries + row * stride, n);
  const size_t group_bytes = n * 16;
  const std::byte* keys = tile.keys + group * group_bytes;
  const std::byte* ahead = tile.values + group * group_bytes;
  const std::byte* later = tile.next_values + group * group_bytes;
  const uint16_t* scales = tile.key_scales + group * (n / 2);
  float* scores = block.weights + group * 16;
  for (size_t b = 0; b < n / 32; ++b) {
    const int8_t* codes = query.codes + b * 32;
    Ints sums[kRows][kVecs];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (size_t v = 0; v < kVecs; ++v) sums[r][v] = SetInts(query.starts[r * stride + b]);
    }
    for (size_t i = 0; i < 8; ++i) {
      Ints four[kVecs];
#pragma GCC unroll 8
      for (size_t v = 0; v < kVecs; ++v) {
        four[v] = LoadInts(keys + v / kVecsPerGroup * group_bytes + v % kVecsPerGroup * kVecBytes);
      }
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        const Ints factor = SetInts(FourBytes(codes + r * stride * 4));
#pragma GCC unroll 8
        for (size_t v = 0; v < kVecs; ++v) sums[r][v] = DotKeys(four[v], factor, sums[r][v]);
      }
      PrefetchQ8<kVecs * kVecBytes>(ahead, later);
      ahead += kVecs * kVecBytes;
      later += kVecs * kVecBytes;
      keys += 64;
      codes += 4;
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) {
      const Vec scale =
          LoadF16(scales + v / kVecsPerGroup * (n / 2) + b * 16 + v % kVecsPerGroup * kLanes);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        float* score = scores + r * kKeyTile + v * kLanes;
        const Vec before = b == 0 ? Zero() : Load(score);
        const Vec factor = Mul(scale, Set1(query.scales[r * stride + b]));
        Store(score, Fma(ToFloat(sums[r][v]), factor, before));
      }
    }
  }
}

/// The scales of a tile's values.
struct Q8ValueScales {
  const uint16_t* scales;  // [4][n_blocks][16]
  size_t n_blocks;

  /// Those of `block` for keys [v * kLanes, (v + 1) * kLanes).
  Vec At(size_t block, size_t v) const {
    return LoadF16(scales + (v / kVecsPerGroup * n_blocks + block) * 16 +
                   v % kVecsPerGroup * kLanes);
  }
  /// The largest of all blocks.
  void LargestOf(Vec* largest) const {
    for (size_t v = 0; v < kTileVecs; ++v) {
      largest[v] = At(0, v);
      for (size_t block = 1; block < n_blocks; ++block) {
        largest[v] = Max(largest[v], At(block, v));
      }
    }
  }
};

/// x[v] where the key is seen, else 0, whatever x is.
inline void KeepSeen(KeyRange seen, Vec* x) {
  if (seen.last - seen.first == kKeyTile) return;
  const uint64_t lanes = LanesOf(seen);
  for (size_t v = 0; v < kTileVecs; ++v) {
    x[v] = Select(static_cast<uint32_t>(lanes >> (v * kLanes)), x[v], Zero());
  }
}

/// Turns the weights of a row into multiples of steps: p[k] times a value's scale is at most
/// kMostWeight steps. Returns the step.
inline float ScaleWeights(const Vec* largest_scales, KeyRange seen, float* p) {
  Vec folded[kTileVecs];
  for (size_t v = 0; v < kTileVecs; ++v) folded[v] = Mul(Load(p + v * kLanes), largest_scales[v]);
  KeepSeen(seen, folded);
  Vec largest = folded[0];
  for (size_t v = 1; v < kTileVecs; ++v) largest = Max(largest, folded[v]);
  largest = MaxOfLanes(largest);
  const auto or_zero = [&](Vec x) { return SelectLess(largest, Set1(kLeastWeight), Zero(), x); };
  const Vec factor = or_zero(Div(Set1(kMostWeight), largest));
  for (size_t v = 0; v < kTileVecs; ++v) Store(p + v * kLanes, Mul(Load(p + v * kLanes), factor));
  return FirstLane(or_zero(Mul(largest, Set1(1.0f / kMostWeight))));
}

constexpr size_t kWeightBytes = kKeyTile * 2;  ///< of a row

/// segment = segment * correction + step * (weights times values) for kValueVecs vectors at `d`.
/// @param fours    of keys
/// @param weights  [kRows][kWeightBytes]
template <size_t kRows>
[[gnu::noinline]] void ValuePass(const Block& block, const Q8Tile& tile, KeyRange fours, size_t row,
                                 size_t d, const std::byte* weights, const float* steps,
                                 const float* corrections) {
  const size_t n = block.head.head_dim;
  const size_t stride = block.padded;
  Ints sums[kRows][kValueVecs][2];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kValueVecs; ++v) sums[r][v][0] = sums[r][v][1] = SetInts(0);
  }
  float* out = block.segment + row * stride + d;
  const std::byte* values = tile.values + (fours.first * n + d) * 4;
  const std::byte* ahead = tile.next_keys + d * kKeyTile;
  const std::byte* later = tile.later_keys + d * kKeyTile;
  for (size_t four = fours.first; four < fours.last; ++four) {
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const FourWeights factors(weights + r * kWeightBytes, four);
#pragma GCC unroll 8
      for (size_t v = 0; v < kValueVecs; ++v) {
        AddValues(factors, values + v * kVecBytes, sums[r][v]);
      }
    }
    PrefetchQ8<kValueVecs * kVecBytes>(ahead, later);
    ahead += kValueVecs * kVecBytes;
    later += kValueVecs * kVecBytes;
    values += n * 4;
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kValueVecs; ++v) {
      float* to = out + r * stride + v * kLanes;
      const Vec before = Mul(Load(to), Set1(corrections[r]));
      Store(to, Fma(JoinSums(sums[r][v]), Set1(steps[r]), before));
    }
  }
}

/// Rows [row, row + kRows), each of which sees some of the tile at `start`.
template <size_t kRows>
inline void AttendRowsQ8(const Block& block, const Q8Tile& tile, size_t row, size_t start) {
  const KeyRange any = SeenBy(block, row, row + kRows - 1, start, kKeyTile);
  const size_t last_group = (any.last + 15) / 16;
  size_t group = any.first / 16;
  for (; group + kWidestPass <= last_group; group += kWidestPass) {
    ScorePass<kRows, kWidestPass>(block, tile, row, group);
  }
  for (; group < last_group; ++group) ScorePass<kRows, 1>(block, tile, row, group);

  const Q8ValueScales scales = {tile.value_scales, block.head.head_dim / 32};
  Vec largest_scales[kTileVecs];
  scales.LargestOf(largest_scales);
  KeyRange seen[kRows];
  float corrections[kRows], steps[kRows];
  Vec new_max[kRows];
  for (size_t r = 0; r < kRows; ++r) {  // rows side by side: each step alone is a chain of waits
    seen[r] = SeenBy(block, row + r, row + r, start, kKeyTile);
    new_max[r] =
        ScaleScores(block, seen[r], block.weights + r * kKeyTile, block.segment_max[row + r]);
  }
  for (size_t r = 0; r < kRows; ++r) {
    corrections[r] = WeighScores<Q8Cells>(seen[r], new_max[r], block.weights + r * kKeyTile,
                                          block.segment_max + row + r, block.segment_sum + row + r);
  }
  for (size_t r = 0; r < kRows; ++r) {
    steps[r] = ScaleWeights(largest_scales, seen[r], block.weights + r * kKeyTile);
  }
  const KeyRange fours = {any.first / 4, (any.last + 3) / 4};
  for (size_t b = 0; b < scales.n_blocks; ++b) {
    alignas(64) std::byte weights[kRows * kWeightBytes];
    for (size_t r = 0; r < kRows; ++r) {
      Vec folded[kTileVecs];
      for (size_t v = 0; v < kTileVecs; ++v) {
        folded[v] = Mul(Load(block.weights + r * kKeyTile + v * kLanes), scales.At(b, v));
      }
      KeepSeen(seen[r], folded);
      StoreWeights(folded, weights + r * kWeightBytes);
    }
    for (size_t d = b * 32; d < b * 32 + 32; d += kValueVecs * kLanes) {
      ValuePass<kRows>(block, tile, fours, row, d, weights, steps, corrections);
    }
  }
}

/// @pre 1 to kMostRows rows
template <size_t kMostRows>
inline void AttendRowsQ8(const Block& block, const Q8Tile& tile, size_t row, size_t n_rows,
                         size_t start) {
  if constexpr (kMostRows > 1) {
    if (n_rows < kMostRows) {
      return AttendRowsQ8<kMostRows - 1>(block, tile, row, n_rows, start);
    }
  }
  AttendRowsQ8<kMostRows>(block, tile, row, start);
}

template <>
inline void AttendTile<Q8Cells>(const Block& block, size_t start, size_t end) {
  const HeadTile here = TileOf(block.head, start);
  const HeadTile next = TileAfter(block, start, end);
  const Q8Tile tile = {.keys = here.keys,
                       .values = here.values,
                       .key_scales = here.key_scales,
                       .value_scales = here.value_scales,
                       .next_keys = next.keys,
                       .next_values = next.values,
                       .later_keys = TileAfter(block, start + kKeyTile, end).keys};
  // Scales lie between longer runs: a processor does not follow them by itself.
  for (size_t i = 0; i < 2 * block.head.head_dim; i += 32) {
    __builtin_prefetch(next.key_scales + i);
    __builtin_prefetch(next.value_scales + i);
  }

  const auto sees_none = [&](size_t row) {
    const KeyRange seen = SeenBy(block, row, row, start, kKeyTile);
    return seen.first >= seen.last;
  };
  const size_t n_tiles = (block.n_rows + kRowTile - 1) / kRowTile;
  for (size_t i = 0; i < n_tiles; ++i) {  // even shares: 8 rows are 4 + 4
    size_t row = block.n_rows * i / n_tiles;
    size_t last = block.n_rows * (i + 1) / n_tiles;
    while (row < last && sees_none(row)) ++row;
    while (row < last && sees_none(last - 1)) --last;
    if (row < last) AttendRowsQ8<kRowTile>(block, tile, row, last - row, start);
  }
}

}  // namespace
}  // namespace altteul::kernels
