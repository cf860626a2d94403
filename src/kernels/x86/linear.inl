// The linear layers of one instruction set, written on the names of simd_*.h: include one of these
// first. The arithmetic is the one of kernels/linear.h, for 1 token as for 512.
//
// The unit of work is one group of 16 rows times up to kMaxTokens tokens in registers. With few
// tokens the codes are unpacked on the way (one pass over the tiles, a single stream); with more,
// each group is unpacked once into a panel that stays in cache, and all tokens sweep over it.

#pragma once

#include "kernels/codecs/iq4_nl_unpack.inl"
#include "kernels/codecs/q4_0_unpack.inl"
#include "kernels/codecs/q4_1_unpack.inl"
#include "kernels/codecs/q4_k_unpack.inl"
#include "kernels/codecs/q5_0_unpack.inl"
#include "kernels/codecs/q5_1_unpack.inl"
#include "kernels/codecs/q5_k_unpack.inl"
#include "kernels/codecs/q6_k_unpack.inl"
#include "kernels/codecs/q8_0_unpack.inl"
#include "kernels/x86/linear_isa.h"

namespace altteul::kernels {
namespace {

constexpr size_t kRows = 16;            // of a group
constexpr size_t kCodeBytes = 32 * 16;  // of a block of 32 columns in a panel

// Up to so many register tiles of tokens unpack for themselves; above, a panel is worth writing.
constexpr size_t kMaxFusedTiles = 4;

// How far ahead of the work memory is asked for: some 100 ns of reading at 25 GB/s.
constexpr size_t kPrefetchBytes = 2304;

/// Sums of n tokens (y [n, 16]) -> out: bias, addition, and only the rows that exist. Not inlined:
/// it runs once a register tile, and there are some hundred kinds of those.
ALT_SIMD_NOINLINE void StoreTile(const LinearSlice& s, size_t row, size_t token, size_t n,
                                 const float* y) {
  const float* bias = s.bias == nullptr ? nullptr : s.bias + row;
  float* out = s.out + token * s.out_stride + row;
  for (size_t t = 0; t < n; ++t, out += s.out_stride, y += kRows) {
    if (row + kRows <= s.n_rows) {
      F32x16 values = LoadF32(y);
      if (bias != nullptr) values = Add(values, LoadF32(bias));
      if (s.add_to_out) values = Add(LoadF32(out), values);
      StoreF32(values, out);
      continue;
    }
    for (size_t r = 0; row + r < s.n_rows; ++r) {
      const float value = bias == nullptr ? y[r] : y[r] + bias[r];
      out[r] = s.add_to_out ? out[r] + value : value;
    }
  }
}

// ---- P8 ----

/// The tokens of one register tile: first rows of the arrays of LinearSlice.
struct TileTokens {
  const int8_t* q8;
  const float* scale;
  const float* offset;
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

  static constexpr int QuadAt(int step) { return U::QuadAt(step); }
  ALT_SIMD_INLINE Bytes64 Quad(int quad) const { return U::Quad(tile, block, quad); }
  ALT_SIMD_INLINE F32x16 Scale(size_t i) const {
    return Entry(scales, static_cast<size_t>(block) * kSumsPerBlock<U> + i);
  }
  ALT_SIMD_INLINE F32x16 Min() const { return Entry(mins, static_cast<size_t>(block)); }

 private:
  /// Where `block` is no constant the array lies in memory, and gcc would copy a pair of registers
  /// in quarters, which the processor cannot forward to the load of a half.
  static ALT_SIMD_INLINE F32x16 Entry(const F32x16* array, size_t i) {
    if constexpr (U::kTileCols == 32) return array[i];
    return LoadF32(reinterpret_cast<const float*>(array + i));
  }
};

/// A block of an unpacked group: codes [block][8][row][4], scales [block][row], mins [block][row].
template <class U>
struct PanelBlock {
  const uint8_t* codes;
  const float* scales;
  const float* mins;

  static constexpr int QuadAt(int step) { return step; }
  ALT_SIMD_INLINE Bytes64 Quad(int quad) const { return LoadBytes(codes + 64 * quad); }
  ALT_SIMD_INLINE F32x16 Scale(size_t i) const { return LoadF32(scales + i * kRows); }
  ALT_SIMD_INLINE F32x16 Min() const { return LoadF32(mins); }
};

/// The columns of one block that share a scale, times the rows of one register.
/// @param part  which of the block's scales
template <class U, int kTokens, int kRegister, class Block>
ALT_SIMD_INLINE void AddPart(const Block& w, const TileTokens& x, size_t block, int part,
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
      const int quad = Block::QuadAt(part * kSteps + run + step);
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
template <class U, int kTokens, class Block>
ALT_SIMD_INLINE void AddBlock(const Block& w, const TileTokens& x, size_t block, F32x16* sums,
                              F32x16* min_sums) {
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
    const F32x16 min = w.Min();
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const F32x16 offset = SetF32(x.offset[static_cast<size_t>(t) * x.n_blocks + block]);
      min_sums[t] = Fma(min, offset, min_sums[t]);
    }
  }
}

// Groups that are unpacked together: their outputs of a token fill whole cache lines, however the
// rows of the output lie, and the activations are fetched half as often.
constexpr size_t kPanelGroups = 2;

/// One unpacked group.
struct P8Panel {
  uint8_t* codes;  // [cols / 32][8][16][4]
  float* scales;   // [cols / kScaleCols][16]
  float* mins;     // [cols / 32][16]
};

/// Where a P8 product keeps things in the slice's scratch.
template <class U>
struct P8Scratch {
  P8Panel panels[kPanelGroups];
  int32_t* first_sums;  // [kMaxTokensP8][cols / kScaleCols]

  explicit P8Scratch(const LinearSlice& s) {
    uint8_t* next = s.scratch;
    for (P8Panel& panel : panels) {
      panel.codes = next;
      panel.scales = reinterpret_cast<float*>(panel.codes + s.cols * kRows);
      panel.mins = panel.scales + s.cols / U::kScaleCols * kRows;
      const size_t n_mins = U::kHasMin ? s.cols / 32 * kRows : 0;
      next = reinterpret_cast<uint8_t*>(panel.mins + n_mins);
    }
    first_sums = reinterpret_cast<int32_t*>(next);
  }
};

/// The integer sums start at -kBias * (sum of the activations), so that the bias costs nothing.
template <class U>
void FillFirstSums(const int32_t* sum16, size_t n_sums16, int32_t* first_sums) {
  if constexpr (U::kBias == 0) return;
  if constexpr (U::kScaleCols == 16) {
    for (size_t i = 0; i < n_sums16; ++i) first_sums[i] = -U::kBias * sum16[i];
  } else {
    for (size_t i = 0; i < n_sums16 / 2; ++i) {
      first_sums[i] = -U::kBias * (sum16[2 * i] + sum16[2 * i + 1]);
    }
  }
}

ALT_SIMD_INLINE TileTokens TileTokensAt(const LinearSlice& s, size_t token,
                                        const int32_t* first_sums) {
  const size_t n_blocks = s.cols / 32;
  return {s.q8 + token * s.cols,
          s.q8_scale + token * n_blocks,
          s.q8_offset + token * n_blocks,
          first_sums,
          s.cols,
          n_blocks};
}

template <class U, int kTokens>
ALT_SIMD_INLINE void StoreSums(const LinearSlice& s, size_t row, size_t token, const F32x16* sums,
                               const F32x16* min_sums) {
  float y[kTokens * kRows];
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    StoreF32(U::kHasMin ? Add(sums[t], min_sums[t]) : sums[t], y + static_cast<size_t>(t) * kRows);
  }
  StoreTile(s, row, token, kTokens, y);
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
        F32x16 scales[kBlocks * kSumsPerBlock<U>], mins[kBlocks];
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

/// One group of 16 rows into a panel.
template <class U>
void UnpackGroup(const uint8_t* tile, size_t cols, const P8Panel& panel) {
  constexpr size_t kBlocks = U::kTileCols / 32;
  constexpr size_t kScales = kBlocks * kSumsPerBlock<U>;
  for (size_t t = 0; t < cols / U::kTileCols; ++t, tile += U::kTileBytes) {
    F32x16 scales[kScales], mins[kBlocks];
    U::Scales(tile, scales, mins);
    for (size_t i = 0; i < kScales; ++i) {
      StoreF32(scales[i], panel.scales + (t * kScales + i) * kRows);
    }
#pragma GCC unroll 1
    for (size_t b = 0; b < kBlocks; ++b) {
      const size_t block = t * kBlocks + b;
      PrefetchShare<U>(tile, b);
      if constexpr (U::kHasMin) StoreF32(mins[b], panel.mins + block * kRows);
#pragma GCC unroll 8
      for (int step = 0; step < 8; ++step) {
        const int quad = U::QuadAt(step);
        StoreBytes(U::Quad(tile, static_cast<int>(b), quad),
                   panel.codes + block * kCodeBytes + 64 * static_cast<size_t>(quad));
      }
    }
  }
}

/// kTokens tokens from `token` on times one unpacked group.
template <class U>
struct PanelProduct {
  template <int kTokens>
  static void Run(const LinearSlice& s, size_t row, size_t token, const P8Panel& panel,
                  const int32_t* first_sums) {
    const TileTokens x = TileTokensAt(s, token, first_sums);
    F32x16 sums[kTokens], min_sums[kTokens];
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) sums[t] = min_sums[t] = ZeroF32();
    for (size_t block = 0; block < x.n_blocks; ++block) {
      const PanelBlock<U> w{panel.codes + block * kCodeBytes,
                            panel.scales + block * kSumsPerBlock<U> * kRows,
                            panel.mins + block * kRows};
      AddBlock<U, kTokens>(w, x, block, sums, min_sums);
    }
    StoreSums<U, kTokens>(s, row, token, sums, min_sums);
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
  const size_t n_sums16 = s.cols / 16;
  for (size_t token = 0; token < s.n_tokens;) {
    const size_t n = NextTile(s.n_tokens - token, kMaxTokensP8);
    FillFirstSums<U>(s.q8_sum16 + token * n_sums16, n * n_sums16, first_sums);
    RunTokens<FusedProduct<U>, kMaxTokensP8>(n, s, row, end_row, token, first_sums);
    token += n;
  }
}

/// Many tokens: the groups of rows [row, end_row) are unpacked once.
/// @pre at most kPanelGroups groups
template <class U>
void MultiplyPanels(const LinearSlice& s, size_t row, size_t end_row, const P8Scratch<U>& scratch) {
  const size_t group_bytes = s.cols / U::kTileCols * U::kTileBytes;
  const size_t n_groups = (end_row - row + kRows - 1) / kRows;
  for (size_t g = 0; g < n_groups; ++g) {
    UnpackGroup<U>(s.weights + (row / kRows + g) * group_bytes, s.cols, scratch.panels[g]);
  }
  const size_t n_sums16 = s.cols / 16;
  for (size_t token = 0; token < s.n_tokens;) {
    const size_t n = NextTile(s.n_tokens - token, kMaxTokensP8);
    FillFirstSums<U>(s.q8_sum16 + token * n_sums16, n * n_sums16, scratch.first_sums);
    for (size_t g = 0; g < n_groups; ++g) {
      RunTokens<PanelProduct<U>, kMaxTokensP8>(n, s, row + g * kRows, token, scratch.panels[g],
                                               scratch.first_sums);
    }
    token += n;
  }
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
    float y[kTokens * kRows];
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) StoreF32(sums[t], y + static_cast<size_t>(t) * kRows);
    StoreTile(s, row, token, kTokens, y);
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
