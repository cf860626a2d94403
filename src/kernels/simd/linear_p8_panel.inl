// SPDX-License-Identifier: Apache-2.0

// P8 for many tokens: kPanelGroups groups are unpacked into panels that stay in cache, and all
// tokens sweep over them in register tiles of several groups times some tokens, so that one
// activation serves several multiplications.

#pragma once

#include "kernels/simd/linear_p8_fused.inl"

namespace altteul::kernels {
namespace {

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

/// Four columns of a block, kGroups groups times kTokens tokens: dot[group][token].
/// @param codes  of the block, from the first group on
template <class K, int kGroups, int kTokens, int kRegister>
ALT_SIMD_INLINE void AddQuad(const uint8_t* codes, const TileTokens& x, size_t block, size_t quad,
                             DotSum (*dot)[kTokens]) {
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
      const int quad = part * kSteps + run + step;
      AddQuad<K, kGroups, kTokens, kRegister>(codes, x, block, static_cast<size_t>(quad), dot);
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

}  // namespace
}  // namespace altteul::kernels
