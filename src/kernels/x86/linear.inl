// The linear layers of one instruction set, written on the names of simd_*.h: include one of these
// first. The arithmetic is the one of kernels/linear.h, for 1 token as for 512.
//
// Few tokens: one group of 16 rows times up to kMaxTokensP8 tokens in registers, the codes unpacked
// on the way (one pass over the tiles, a single stream). More: kPanelGroups groups are unpacked
// into panels that stay in cache, and all tokens sweep over them in register tiles of several
// groups times some tokens, so that one activation serves several multiplications.

#pragma once

#include "kernels/codecs/fp4_unpack.inl"
#include "kernels/codecs/iq1_unpack.inl"
#include "kernels/codecs/iq2_unpack.inl"
#include "kernels/codecs/iq3_unpack.inl"
#include "kernels/codecs/iq4_nl_unpack.inl"
#include "kernels/codecs/iq4_xs_unpack.inl"
#include "kernels/codecs/q1_0_unpack.inl"
#include "kernels/codecs/q2_0_unpack.inl"
#include "kernels/codecs/q2_k_unpack.inl"
#include "kernels/codecs/q3_k_unpack.inl"
#include "kernels/codecs/q4_0_unpack.inl"
#include "kernels/codecs/q4_1_unpack.inl"
#include "kernels/codecs/q4_k_unpack.inl"
#include "kernels/codecs/q5_0_unpack.inl"
#include "kernels/codecs/q5_1_unpack.inl"
#include "kernels/codecs/q5_k_unpack.inl"
#include "kernels/codecs/q6_k_unpack.inl"
#include "kernels/codecs/q8_0_unpack.inl"
#include "kernels/codecs/tq_unpack.inl"
#include "kernels/x86/linear_isa.h"

namespace altteul::kernels {
namespace {

constexpr size_t kRows = 16;            // of a group
constexpr size_t kCodeBytes = 32 * 16;  // of a block of 32 columns in a panel

// Up to so many register tiles of tokens unpack for themselves; above, a panel is worth writing.
constexpr size_t kMaxFusedTiles = 4;

// How far ahead of the work memory is asked for: some 100 ns of reading at 25 GB/s.
constexpr size_t kPrefetchBytes = 2304;

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

/// A block of a tile at rest, unpacked while it is multiplied.
template <class U>
struct RestingBlock {
  const uint8_t* tile;
  int block;  // in the tile
  const F32x16* scales;
  const F32x16* mins;

  ALT_SIMD_INLINE Bytes64 Quad(int quad) const { return U::Quad(tile, block, quad); }
  ALT_SIMD_INLINE F32x16 Scale(size_t i) const {
    return Entry(scales, static_cast<size_t>(block) * kSumsPerBlock<U> + i);
  }
  ALT_SIMD_INLINE F32x16 Min(size_t i) const {
    return Entry(mins, static_cast<size_t>(block) * kSumsPerBlock<U> + i);
  }

 private:
  /// Where `block` is no constant the array lies in memory, and gcc would copy a pair of registers
  /// in quarters, which the processor cannot forward to the load of a half.
  static ALT_SIMD_INLINE F32x16 Entry(const F32x16* array, size_t i) {
    if constexpr (U::kTileCols == 32) return array[i];
    return LoadF32(reinterpret_cast<const float*>(array + i));
  }
};

/// The columns of one block that share a scale, times the rows of one register.
/// @param part  which of the block's scales
template <class U, int kTokens, int kRegister>
ALT_SIMD_INLINE void AddPart(const RestingBlock<U>& w, const TileTokens& x, size_t block, int part,
                             F32x16* sums) {
  constexpr int kParts = kSumsPerBlock<U>;
  constexpr int kSteps = 8 / kParts;
  constexpr int kRun = kStepsPerSum<U::kMaxCode> < kSteps ? kStepsPerSum<U::kMaxCode> : kSteps;
  RowI32 isum[kTokens];
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const size_t at = (static_cast<size_t>(t) * x.n_blocks + block) * kParts;
    isum[t] = SetRowI32(U::kBias == 0 ? 0 : x.first_sums[at + static_cast<size_t>(part)]);
  }
#pragma GCC unroll 8
  for (int run = 0; run < kSteps; run += kRun) {
    DotSum dot[kTokens];
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) dot[t] = StartDot(isum[t]);
#pragma GCC unroll 8
    for (int step = 0; step < kRun; ++step) {
      const int quad = U::QuadAt(part * kSteps + run + step);
      const RowBytes4 codes = RegisterOf<kRegister>(w.Quad(quad));
      const int8_t* a = x.q8 + block * 32 + static_cast<size_t>(quad) * 4;
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const RowBytes4 activations = Broadcast4(a + static_cast<size_t>(t) * x.cols);
        dot[t] = DotStep<U::kMaxCode>(dot[t], codes, activations);
      }
    }
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) isum[t] = FinishDot(isum[t], dot[t]);
  }
  const F32x16 scale = w.Scale(static_cast<size_t>(part));
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    AddScaled<kRegister>(isum[t], scale, x.scale[static_cast<size_t>(t) * x.n_blocks + block],
                         &sums[t]);
  }
}

/// What a minimum is multiplied with: the sum of the activations that it goes with.
/// @param at    the block, counted from the tile's first token on
/// @param part  which of the block's kParts minimums
template <size_t kParts>
ALT_SIMD_INLINE F32x16 MinFactor(const TileTokens& x, size_t at, size_t part) {
  if constexpr (kParts == 1) return SetF32(x.offset[at]);
  return SetF32(x.scale[at] * static_cast<float>(x.sum16[at * kParts + part]));
}

/// One block of 32 columns: sums[t] += scale * isum, min_sums[t] += min * offset.
template <class U, int kTokens>
ALT_SIMD_INLINE void AddBlock(const RestingBlock<U>& w, const TileTokens& x, size_t block,
                              F32x16* sums, F32x16* min_sums) {
#pragma GCC unroll 2
  for (int part = 0; part < static_cast<int>(kSumsPerBlock<U>); ++part) {
    AddPart<U, kTokens, 0>(w, x, block, part, sums);
    if constexpr (kRegisters == 2) {
      // Reading the activations again is cheaper than what the compiler would do without this:
      // keep all that both halves share on the stack.
      asm volatile("" ::: "memory");
      AddPart<U, kTokens, 1>(w, x, block, part, sums);
    }
  }
  if constexpr (U::kHasMin) {
    constexpr size_t kParts = kSumsPerBlock<U>;
#pragma GCC unroll 2
    for (size_t part = 0; part < kParts; ++part) {
      const F32x16 min = w.Min(part);
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const size_t at = static_cast<size_t>(t) * x.n_blocks + block;
        min_sums[t] = Fma(min, MinFactor<kParts>(x, at, part), min_sums[t]);
      }
    }
  }
}

/// Unpacked groups, block by block beside each other, so that one pointer walks through all.
struct P8Panel {
  uint8_t* codes;   // [cols / 32][kPanelGroups][8][16][4]
  float* scales;    // [cols / 32][kPanelGroups][32 / kScaleCols][16]
  float* mins;      // [cols / 32][kPanelGroups][32 / kScaleCols][16]
  size_t n_blocks;  // cols / 32
};

/// Where a P8 product keeps things in the slice's scratch.
template <class U>
struct P8Scratch {
  P8Panel panel;
  int32_t* first_sums;  // [kMaxTokensP8][cols / kScaleCols]

  explicit P8Scratch(const LinearSlice& s) {
    panel.n_blocks = s.cols / 32;
    panel.codes = s.scratch;
    panel.scales = reinterpret_cast<float*>(panel.codes + kPanelGroups * s.cols * kRows);
    panel.mins = panel.scales + kPanelGroups * (s.cols / U::kScaleCols) * kRows;
    const size_t n_mins = U::kHasMin ? kPanelGroups * (s.cols / U::kScaleCols) * kRows : 0;
    first_sums = reinterpret_cast<int32_t*>(panel.mins + n_mins);
  }
};

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

template <class U, int kTokens>
ALT_SIMD_INLINE void StoreSums(const LinearSlice& s, size_t row, size_t token, const F32x16* sums,
                               const F32x16* min_sums) {
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    StoreGroup(s, row, token + static_cast<size_t>(t),
               U::kHasMin ? Add(sums[t], min_sums[t]) : sums[t]);
  }
}

/// Asks for one block's share of what lies ahead. Block by block, because a processor follows only
/// some 20 requests at a time; and a whole tile further where a tile is read here and there.
template <class U>
ALT_SIMD_INLINE void PrefetchShare(const uint8_t* tile, size_t block) {
  constexpr size_t kBlocks = U::kTileCols / 32;
  constexpr size_t kShareBytes = U::kTileBytes / kBlocks;
  constexpr size_t kAheadBytes = kPrefetchBytes + (kBlocks == 1 ? 0 : U::kTileBytes);
  const uint8_t* share = tile + kAheadBytes + block * kShareBytes;
#pragma GCC unroll 16
  for (size_t i = 0; i < kShareBytes; i += 64) Prefetch(share + i);
}

/// kTokens tokens from `token` on times rows [row, end_row), straight from the tiles at rest.
template <class U>
struct FusedProduct {
  template <int kTokens>
  static void Run(const LinearSlice& s, size_t row, size_t end_row, size_t token,
                  const int32_t* first_sums) {
    constexpr int kBlocks = U::kTileCols / 32;
    const TileTokens x = TileTokensAt(s, token, first_sums);
    const uint8_t* tile = s.weights + row / kRows * (s.cols / U::kTileCols) * U::kTileBytes;
    for (; row < end_row; row += kRows) {
      F32x16 sums[kTokens], min_sums[kTokens];
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) sums[t] = min_sums[t] = ZeroF32();
      for (size_t block = 0; block < x.n_blocks; tile += U::kTileBytes) {
        F32x16 scales[kBlocks * kSumsPerBlock<U>], mins[kBlocks * kSumsPerBlock<U>];
        U::Scales(tile, scales, mins);
#pragma GCC unroll 1
        for (int b = 0; b < kBlocks; ++b, ++block) {
          PrefetchShare<U>(tile, static_cast<size_t>(b));
          const RestingBlock<U> w{tile, b, scales, mins};
          AddBlock<U, kTokens>(w, x, block, sums, min_sums);
        }
      }
      StoreSums<U, kTokens>(s, row, token, sums, min_sums);
    }
  }
};

/// One group of 16 rows into place `group` of a panel.
template <class U>
void UnpackGroup(const uint8_t* tile, size_t group, const P8Panel& panel) {
  constexpr size_t kBlocks = U::kTileCols / 32;
  constexpr size_t kScales = kBlocks * kSumsPerBlock<U>;
  size_t at = group;  // (block, group) in the panel
  for (size_t t = 0; t < panel.n_blocks / kBlocks; ++t, tile += U::kTileBytes) {
    F32x16 scales[kScales], mins[kScales];
    U::Scales(tile, scales, mins);
#pragma GCC unroll 8
    for (size_t b = 0; b < kBlocks; ++b) {
      const size_t place = (at + b * kPanelGroups) * kSumsPerBlock<U> * kRows;
#pragma GCC unroll 2
      for (size_t i = 0; i < kSumsPerBlock<U>; ++i) {
        const size_t part = b * kSumsPerBlock<U> + i;
        StoreF32(scales[part], panel.scales + place + i * kRows);
        if constexpr (U::kHasMin) StoreF32(mins[part], panel.mins + place + i * kRows);
      }
    }
#pragma GCC unroll 1
    for (size_t b = 0; b < kBlocks; ++b, at += kPanelGroups) {
      PrefetchShare<U>(tile, b);
      Bytes64 quads[8];  // all before the first store, so that quads may share what they look up
#pragma GCC unroll 8
      for (int quad = 0; quad < 8; ++quad) quads[quad] = U::Quad(tile, static_cast<int>(b), quad);
#pragma GCC unroll 8
      for (size_t quad = 0; quad < 8; ++quad) {
        StoreBytes(quads[quad], panel.codes + at * kCodeBytes + 64 * quad);
      }
    }
  }
}

/// What a panel still says of its type. Types that agree in it share the code below.
template <int sums_per_block, bool has_bias, bool has_min, int max_code>
struct PanelKindP8 {
  static constexpr int kSumsPerBlock = sums_per_block;
  static constexpr bool kHasBias = has_bias;
  static constexpr bool kHasMin = has_min;
  static constexpr int kMaxCode = max_code;
};
template <class U>
using PanelKindOf = PanelKindP8<static_cast<int>(kSumsPerBlock<U>), U::kBias != 0, U::kHasMin,
                                kCodeClass<U::kMaxCode>>;

/// The columns of a block that share a scale, kGroups groups from the panel's first times kTokens
/// tokens, the rows of one register: sums[group][token].
template <class K, int kGroups, int kTokens, int kRegister>
ALT_SIMD_INLINE void AddPanelPart(const P8Panel& panel, const TileTokens& x, size_t block, int part,
                                  F32x16 (*sums)[kTokens]) {
  constexpr int kParts = K::kSumsPerBlock;
  constexpr int kSteps = 8 / kParts;
  constexpr int kRun = kStepsPerSum<K::kMaxCode> < kSteps ? kStepsPerSum<K::kMaxCode> : kSteps;
  RowI32 isum[kGroups][kTokens];
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const size_t at = (static_cast<size_t>(t) * x.n_blocks + block) * kParts;
    const RowI32 first = SetRowI32(K::kHasBias ? x.first_sums[at + static_cast<size_t>(part)] : 0);
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) isum[g][t] = first;
  }
  const uint8_t* codes = panel.codes + block * (kPanelGroups * kCodeBytes);
#pragma GCC unroll 8
  for (int run = 0; run < kSteps; run += kRun) {
    DotSum dot[kGroups][kTokens];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) dot[g][t] = StartDot(isum[g][t]);
    }
#pragma GCC unroll 8
    for (int step = 0; step < kRun; ++step) {
      const size_t quad = static_cast<size_t>(part * kSteps + run + step);
      RowBytes4 w[kGroups];
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) {
        w[g] = LoadRegister<kRegister>(codes + static_cast<size_t>(g) * kCodeBytes + 64 * quad);
      }
      const int8_t* a = x.q8 + block * 32 + quad * 4;
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const RowBytes4 activations = Broadcast4(a + static_cast<size_t>(t) * x.cols);
#pragma GCC unroll 4
        for (int g = 0; g < kGroups; ++g) {
          dot[g][t] = DotStep<K::kMaxCode>(dot[g][t], w[g], activations);
        }
      }
    }
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) isum[g][t] = FinishDot(isum[g][t], dot[g][t]);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
    const size_t at = (block * kPanelGroups + static_cast<size_t>(g)) * kParts;
    const F32x16 scale = LoadF32(panel.scales + (at + static_cast<size_t>(part)) * kRows);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      AddScaled<kRegister>(isum[g][t], scale, x.scale[static_cast<size_t>(t) * x.n_blocks + block],
                           &sums[g][t]);
    }
  }
}

/// sums += the chains of the minimums, which need no integers and so have a loop of their own.
template <class K, int kGroups, int kTokens>
ALT_SIMD_INLINE void AddPanelMins(const P8Panel& panel, const TileTokens& x,
                                  F32x16 (*sums)[kTokens]) {
  constexpr size_t kParts = K::kSumsPerBlock;
  F32x16 min_sums[kGroups][kTokens];
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) min_sums[g][t] = ZeroF32();
  }
  for (size_t i = 0; i < x.n_blocks * kParts; ++i) {
    const size_t block = i / kParts;
    F32x16 min[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      const size_t at = (block * kPanelGroups + static_cast<size_t>(g)) * kParts + i % kParts;
      min[g] = LoadF32(panel.mins + at * kRows);
    }
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const F32x16 factor =
          MinFactor<kParts>(x, static_cast<size_t>(t) * x.n_blocks + block, i % kParts);
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) min_sums[g][t] = Fma(min[g], factor, min_sums[g][t]);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) sums[g][t] = Add(sums[g][t], min_sums[g][t]);
  }
}

/// kTokens tokens from `token` on times kGroups unpacked groups, whose first row is `row`.
template <class K, int kGroups>
struct PanelProduct {
  template <int kTokens>
  static void Run(const LinearSlice& s, size_t row, size_t token, const P8Panel& panel,
                  const int32_t* first_sums) {
    const TileTokens x = TileTokensAt(s, token, first_sums);
    F32x16 sums[kGroups][kTokens];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) sums[g][t] = ZeroF32();
    }
    for (size_t block = 0; block < x.n_blocks; ++block) {
#pragma GCC unroll 2
      for (int part = 0; part < K::kSumsPerBlock; ++part) {
        AddPanelPart<K, kGroups, kTokens, 0>(panel, x, block, part, sums);
        if constexpr (kRegisters == 2) {
          asm volatile("" ::: "memory");  // see AddBlock
          AddPanelPart<K, kGroups, kTokens, 1>(panel, x, block, part, sums);
        }
      }
    }
    if constexpr (K::kHasMin) AddPanelMins<K, kGroups, kTokens>(panel, x, sums);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) {
        StoreGroup(s, row + static_cast<size_t>(g) * kRows, token + static_cast<size_t>(t),
                   sums[g][t]);
      }
    }
  }
};

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

/// Few tokens: each tile of them takes rows [row, end_row) straight from rest.
template <class U>
void MultiplyFused(const LinearSlice& s, size_t row, size_t end_row, int32_t* first_sums) {
  for (size_t token = 0; token < s.n_tokens;) {
    const size_t n = NextTile(s.n_tokens - token, kMaxTokensP8);
    if constexpr (U::kBias != 0) {
      FillFirstSumsOf<U::kScaleCols>(s, U::kBias, token, n, first_sums);
    }
    RunTokens<FusedProduct<U>, kMaxTokensP8>(n, s, row, end_row, token, first_sums);
    token += n;
  }
}

/// All tokens times kGroups unpacked groups, whose first row is `row`.
template <class K, int kGroups>
ALT_SIMD_NOINLINE void SweepPanel(const LinearSlice& s, size_t row, const P8Panel& panel, int bias,
                                  int32_t* first_sums) {
  constexpr int kTokens = PanelTileTokens(kGroups);
  for (size_t token = 0; token < s.n_tokens;) {
    const size_t n = NextTile(s.n_tokens - token, kTokens);
    if constexpr (K::kHasBias) {
      FillFirstSumsOf<32 / K::kSumsPerBlock>(s, bias, token, n, first_sums);
    }
    RunTokens<PanelProduct<K, kGroups>, kTokens>(n, s, row, token, panel, first_sums);
    token += n;
  }
}

/// Many tokens: the groups of rows [row, end_row) are unpacked once.
/// @pre at most kPanelGroups groups
template <class U>
void MultiplyPanels(const LinearSlice& s, size_t row, size_t end_row, const P8Scratch<U>& scratch) {
  using K = PanelKindOf<U>;
  const P8Panel& panel = scratch.panel;
  const auto sweep = [&]<int kGroups>() {
    SweepPanel<K, kGroups>(s, row, panel, U::kBias, scratch.first_sums);
  };
  const size_t group_bytes = s.cols / U::kTileCols * U::kTileBytes;
  const size_t n_groups = (end_row - row + kRows - 1) / kRows;
  for (size_t g = 0; g < n_groups; ++g) {
    UnpackGroup<U>(s.weights + (row / kRows + g) * group_bytes, g, panel);
  }
  static_assert(kPanelGroups <= 3);
  if (n_groups == kPanelGroups) return sweep.template operator()<kPanelGroups>();
  if constexpr (kPanelGroups > 2) {
    if (n_groups == 2) return sweep.template operator()<2>();
  }
  if constexpr (kPanelGroups > 1) sweep.template operator()<1>();
}

template <class U>
void LinearP8(const LinearSlice& s) {
  const P8Scratch<U> scratch(s);
  const size_t tile = static_cast<size_t>(kMaxTokensP8);
  if (s.n_tokens <= tile) return MultiplyFused<U>(s, 0, s.n_rows, scratch.first_sums);
  const bool is_few = s.n_tokens <= kMaxFusedTiles * tile;
  constexpr size_t kStep = kPanelGroups * kRows;
  for (size_t row = 0; row < s.n_rows; row += kStep) {
    const size_t end_row = row + kStep < s.n_rows ? row + kStep : s.n_rows;
    if (is_few) {
      MultiplyFused<U>(s, row, end_row, scratch.first_sums);
    } else {
      MultiplyPanels<U>(s, row, end_row, scratch);
    }
  }
}

// ---- P16 and P32 ----
//
// A loader turns one 64-byte line of weights at rest into products with kTokens tokens:
//   X, kCols                 type of the activations, columns of a line
//   Rows(slice)              the activations' first row
//   Step(line, x, cols, sums)

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

// ---- preparing activations ----

/// scale = max |x| / 127 over 32 columns, q8 = x * (127 / max |x|) to the nearest, ties to even.
/// Where that factor is no finite number (all zeros, magnitudes below 2^-121, or an infinity or NaN
/// among the values) the codes are 0; an infinite or NaN scale then makes the products NaN.
void Quantize(const float* x, size_t n_blocks, int8_t* q8, float* scale, int32_t* sum16,
              float* offset) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  for (size_t b = 0; b < n_blocks; ++b, x += 32, q8 += 32) {
    const F32x16 parts[2] = {LoadF32(x), LoadF32(x + 16)};
    const int32_t max_bits = LargestOf(Max(MagnitudeBits(parts[0]), MagnitudeBits(parts[1])));
    float max;
    __builtin_memcpy(&max, &max_bits, sizeof max);
    const float factor = 127.0f / max;
    int32_t factor_bits;
    __builtin_memcpy(&factor_bits, &factor, sizeof factor_bits);
    const bool usable = max_bits < kInfinityBits && factor_bits < kInfinityBits;

    int32_t sum = 0;
    for (int i = 0; i < 2; ++i) {
      const I32x16 codes = usable ? RoundToI32(Mul(parts[i], SetF32(factor))) : ZeroI32();
      StoreI8(codes, q8 + 16 * i);
      const int32_t part_sum = SumOf(codes);
      sum16[2 * b + static_cast<size_t>(i)] = part_sum;
      sum += part_sum;
    }
    scale[b] = max / 127.0f;
    offset[b] = scale[b] * static_cast<float>(sum);
  }
}

/// The rounding of kernels/codecs/half.h, in integers: whatever the instruction set does to
/// denormals, the bits are the same.
void RoundToBf16(const float* x, size_t n, uint16_t* bf16) {
  for (size_t i = 0; i < n; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40u;
    bf16[i] = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
  }
}

}  // namespace
}  // namespace altteul::kernels
