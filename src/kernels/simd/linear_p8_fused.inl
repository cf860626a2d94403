// SPDX-License-Identifier: Apache-2.0

// P8 for few tokens: one group of 16 rows times up to kMaxTokensP8 tokens in registers, the codes
// unpacked on the way. One pass over the tiles at rest, a single stream.

#pragma once

#include "kernels/simd/linear_tile.inl"

namespace altteul::kernels {
namespace {

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

}  // namespace
}  // namespace altteul::kernels
