// SPDX-License-Identifier: Apache-2.0

// Attention over a key-value cache, in tiles of 64 keys at fixed absolute positions.
//
// So that logits do not depend on how a prompt was cut or who shares the batch, each query row is
// computed alone, as if it were the only one: tiles ascending, online softmax inside a segment of
// 512 positions, segments merged in ascending order. Keys and values are always read back from the
// cache in its own type, even those of the same chunk.
//
//   s[k]  = scale * sum_d q[d] K[k][d]      (d ascending, fused multiply-add, from 0)
//   s[k]  = softcap * tanh(s[k] / softcap)  where there is one
//   tile:    m' = max(m, max_k s[k]);  c = exp(m - m');  p[k] = exp(s[k] - m')
//            l = l * c + sum_k p[k]  (over the tile, defined per ISA);  o = o * c, then
//            o[d] = fma(p[k], V[k][d], o[d]) for k ascending;  m = m'
//   merge:   the same rule with whole segments;  out = o / l
// An instruction set with products of bf16 pairs (AVX-512) rounds q, K, p and V to bf16 unless the
// cache is f32 or q8_0, and takes pairs of d and pairs of keys (2j, 2j + 1) in one step of the same
// chains; a key of a pair that the query does not see counts as absent.
//
// Over q8_0 both products are of integers, exact whatever their order, in all but the reference:
//   q[d]   = q_scale[b] * s8 code, for each block b of 32 of head_dim; q_scale = max |q| / 127
//   s[k]   = scale * sum_b isum[b] (K_scale[k][b] q_scale[b])   (b ascending, fused, from 0)
//   p[k] V_scale[k][b] = step * code of 14 bits; step = max_k p[k] max_b V_scale[k][b] / 16383,
//            the maximum over those keys of the tile that the query sees
//   o[d]   = fma(isum[d], step, o[d] * c), once a tile
// l is the sum of the p[k] before they become codes.
// Only keys in [max(0, i - window + 1), i] exist for the query at position i; a tile or segment
// without any is skipped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace altteul::kernels {

inline constexpr size_t kKeyTile = 64;      ///< keys of one softmax step
inline constexpr size_t kKeySegment = 512;  ///< keys merged as one; a multiple of kKeyTile
inline constexpr size_t kMostTurned = 512;  ///< head_dim of a cache that keeps turned rows

enum class KvType : uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0 };

std::string_view KvTypeName(KvType type);  ///< "f16", as -ctk takes it

/// What a page of the cache holds of one layer: kKeyTile positions, so that a tile lies in one
/// page. Position p lives in slot p % 64 of page p / 64.
///   K  [n_kv_heads][64 / 16][head_dim][16]   16 keys side by side: a vector is 16 scores
///   V  [n_kv_heads][64][head_dim]
/// q8_0 stores s8 codes in fours, as processors multiply bytes, and f16 scales per 32 of head_dim:
///   K  [n_kv_heads][64 / 16][head_dim / 4][16][4]
///   V  [n_kv_heads][64 / 4][head_dim][4]
///   scales of both  [n_kv_heads][64 / 16][head_dim / 32][16]
/// q4_0 stores codes - 8, two in a byte: of 32 elements side by side the first 16 in the lower
/// halves of 16 bytes. Its keys and values are turned (hadamard.h) before they are rounded; so are
/// the queries that meet them, and the output is turned back. Scales:
///   K  [n_kv_heads][64 / 16][head_dim / 32][16],  V  [n_kv_heads][64][head_dim / 32]
struct KvLayout {
  KvType type = KvType::kF16;
  size_t n_kv_heads = 0;
  size_t head_dim = 0;  ///< for q8_0 and q4_0 a multiple of 32, for q4_0 at most kMostTurned

  // Byte offsets of the four parts from where the layer begins in a page, and its share of the
  // page.
  size_t k_offset() const { return 0; }
  size_t v_offset() const { return bytes_of(elements()); }
  size_t k_scale_offset() const { return 2 * bytes_of(elements()); }
  size_t v_scale_offset() const { return k_scale_offset() + scale_bytes(); }
  size_t page_bytes() const { return k_scale_offset() + 2 * scale_bytes(); }

  size_t elements() const { return n_kv_heads * kKeyTile * head_dim; }  ///< of K, and again of V
  bool has_scales() const { return type == KvType::kQ8_0 || type == KvType::kQ4_0; }
  bool is_turned() const { return type == KvType::kQ4_0; }
  size_t scale_bytes() const { return has_scales() ? elements() / 32 * 2 : 0; }
  /// @param n_elements  for q4_0 a multiple of 2
  constexpr size_t bytes_of(size_t n_elements) const {
    constexpr size_t kBits[] = {32, 16, 16, 8, 4};
    return n_elements * kBits[static_cast<size_t>(type)] / 8;
  }
};

/// Rows [first_row, first_row + n_rows) of a batch: consecutive positions of one sequence.
struct SequenceRows {
  KvLayout layout;
  /// Page i holds positions [64 i, 64 i + 64), up to those of these rows. A page that no row sees
  /// may be null, and is never read.
  std::byte* const* pages = nullptr;
  size_t page_offset = 0;  ///< of this layer in each page [bytes], a multiple of 64
  size_t first_row = 0;
  size_t n_rows = 0;
  size_t first_position = 0;

  /// What the page of a position holds of this layer, layout.page_bytes().
  std::byte* PageOf(size_t position) const { return pages[position / kKeyTile] + page_offset; }
};

struct StoreKvArgs {
  std::span<const SequenceRows> sequences;  ///< not empty, all with the same heads
  const float* k = nullptr;                 ///< [all rows, n_kv_heads, head_dim]
  const float* v = nullptr;                 ///< [all rows, n_kv_heads, head_dim]
};

/// Where a pass of few rows leaves the sums of its segments, so that threads can share the context
/// of one row: for segment p / kKeySegment of a row's head the unnormalised output, the maximum and
/// the sum of weights.
struct SegmentSums {
  float* data =
      nullptr;  ///< [all rows, n_heads, n_segments, StrideOf(head_dim)]; null: do not share
  size_t n_segments = 0;  ///< of the longest context

  static constexpr size_t StrideOf(size_t head_dim) { return (head_dim + 15) / 16 * 16 + 16; }
};

struct AttentionArgs {
  std::span<const SequenceRows> sequences;
  const float* q = nullptr;  ///< [all rows, n_heads, head_dim]
  float* out = nullptr;      ///< [all rows, n_heads, head_dim]
  size_t n_heads =
      0;  ///< a multiple of n_kv_heads; head h reads kv head h / (n_heads / n_kv_heads)
  float scale = 1.0f;
  float softcap = 0.0f;   ///< 0: none
  size_t window = 0;      ///< 0: every earlier position
  SegmentSums sums = {};  ///< not null: attend() leaves sums, merge_segments() makes the output
  /// [all rows, n_heads, 2] the maximum m and the sum l over all that a query sees, so that the
  /// weight of key k is exp(s[k] - m) / l; written where the output is, may be null.
  float* row_sums = nullptr;
};

/// Bytes of scratch one thread needs for Attend at this head size.
size_t AttentionScratchBytes(size_t head_dim);

}  // namespace altteul::kernels
