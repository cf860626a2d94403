// SPDX-License-Identifier: Apache-2.0

// Attention and the key-value cache in plain loops, templated over the scalar that sums: float is
// what the reference table runs, double is the oracle of the tests. Both multiply and add where
// fast kernels fuse, because a fused step is a slow library call on machines that lack it.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "base/check.h"
#include "base/thread_team.h"
#include "kernels/attention.h"
#include "kernels/codecs/half.h"
#include "kernels/hadamard.h"
#include "kernels/reference/dot_panel.inl"

namespace altteul::kernels {

/// Where one element lies in its page: its index among the keys or values and among their scales.
struct KvPlace {
  size_t element;
  size_t scale;
};

inline KvPlace KeyPlace(const KvLayout& layout, size_t head, size_t position, size_t d) {
  const size_t slot = position % kKeyTile;
  const size_t group = head * (kKeyTile / 16) + slot / 16;
  const size_t scale = (group * (layout.head_dim / 32) + d / 32) * 16 + slot % 16;
  if (layout.type == KvType::kQ8_0) {
    return {(group * layout.head_dim / 4 + d / 4) * 64 + slot % 16 * 4 + d % 4, scale};
  }
  return {(group * layout.head_dim + d) * 16 + slot % 16, scale};
}

inline KvPlace ValuePlace(const KvLayout& layout, size_t head, size_t position, size_t d) {
  const size_t row = head * kKeyTile + position % kKeyTile;
  if (layout.type == KvType::kQ8_0) {
    return {row / 4 * layout.head_dim * 4 + d * 4 + row % 4,
            (row / 16 * (layout.head_dim / 32) + d / 32) * 16 + row % 16};
  }
  return {row * layout.head_dim + d, row * (layout.head_dim / 32) + d / 32};
}

/// Where q4_0 keeps the code of an element: a byte and the place of its lowest bit.
struct HalfByte {
  size_t byte;
  unsigned shift;
};
inline HalfByte HalfByteOf(size_t element) {
  return {element / 32 * 16 + element % 16, element % 32 < 16 ? 0u : 4u};
}

/// One element of the cache; only q8_0 and q4_0 have scales.
inline float ReadKv(const std::byte* elements, const std::byte* scales, KvType type,
                    KvPlace place) {
  if (type == KvType::kF32) {
    float value;
    std::memcpy(&value, elements + place.element * sizeof(value), sizeof(value));
    return value;
  }
  uint16_t half;
  if (type == KvType::kF16 || type == KvType::kBF16) {
    std::memcpy(&half, elements + place.element * sizeof(half), sizeof(half));
    return type == KvType::kF16 ? F16ToF32(half) : Bf16ToF32(half);
  }
  std::memcpy(&half, scales + place.scale * sizeof(half), sizeof(half));
  if (type == KvType::kQ4_0) {
    const HalfByte at = HalfByteOf(place.element);
    const int code = std::to_integer<int>(elements[at.byte] >> at.shift & std::byte{15}) - 8;
    return static_cast<float>(code) * F16ToF32(half);
  }
  int8_t code;
  std::memcpy(&code, elements + place.element, sizeof(code));
  return static_cast<float>(code) * F16ToF32(half);
}

/// 16 neighbours to out [16], as ReadKv() would give them.
/// @param scale_step  1 where each element has its own scale, 0 where all share one
inline void ReadKv16(const std::byte* elements, const std::byte* scales, KvType type, KvPlace place,
                     size_t scale_step, float* out) {
  if (type == KvType::kF16) {  // the usual case, in a form that compilers vectorise
    uint16_t halves[16];
    std::memcpy(halves, elements + place.element * sizeof(uint16_t), sizeof(halves));
    for (size_t i = 0; i < 16; ++i) out[i] = F16ToF32(halves[i]);
    return;
  }
  const size_t step = type == KvType::kQ8_0 ? 4 : 1;
  for (size_t i = 0; i < 16; ++i) {
    out[i] =
        ReadKv(elements, scales, type, {place.element + i * step, place.scale + i * scale_step});
  }
}

/// The keys at [position, position + 16) of one head to panel [head_dim][16]; position is a
/// multiple of 16. Slots not yet written hold anything.
inline void ReadKeys16(const SequenceRows& rows, size_t head, size_t position, float* panel) {
  const KvLayout& layout = rows.layout;
  const std::byte* page = rows.PageOf(position);
  for (size_t d = 0; d < layout.head_dim; ++d) {
    ReadKv16(page + layout.k_offset(), page + layout.k_scale_offset(), layout.type,
             KeyPlace(layout, head, position, d), 1, panel + d * kPanelRows);
  }
}

/// The value at a position of one head to row [head_dim].
inline void ReadValue(const SequenceRows& rows, size_t head, size_t position, float* row) {
  const KvLayout& layout = rows.layout;
  const std::byte* elements = rows.PageOf(position) + layout.v_offset();
  const std::byte* scales = rows.PageOf(position) + layout.v_scale_offset();
  size_t d = 0;
  for (; d + 16 <= layout.head_dim; d += 16) {
    ReadKv16(elements, scales, layout.type, ValuePlace(layout, head, position, d), 0, row + d);
  }
  for (; d < layout.head_dim; ++d) {
    row[d] = ReadKv(elements, scales, layout.type, ValuePlace(layout, head, position, d));
  }
}

/// What one query row needs beside its input and output.
template <typename Scalar>
struct AttendScratch {
  Scalar* segment;  ///< [head_dim]
  Scalar* total;    ///< [head_dim]
  float* keys;      ///< [head_dim][16]
  float* value;     ///< [head_dim]
  float* query;     ///< [head_dim] turned, where the cache is
};

/// m and l of attention.h for the keys so far: their largest score and the sum of their weights.
template <typename Scalar>
struct SoftmaxSums {
  Scalar m = -std::numeric_limits<Scalar>::infinity();
  Scalar l = 0;
};

/// Keys [from, to) of one tile for one query row, into scratch.segment and its sums.
template <typename Scalar>
void AttendTile(const AttentionArgs& args, const SequenceRows& rows, size_t kv_head, size_t from,
                size_t to, const float* q, const AttendScratch<Scalar>& scratch,
                SoftmaxSums<Scalar>& sums) {
  const size_t head_dim = rows.layout.head_dim;
  const size_t tile = from / kKeyTile * kKeyTile;
  Scalar s[kKeyTile];
  for (size_t key = from / kPanelRows * kPanelRows; key < to; key += kPanelRows) {
    ReadKeys16(rows, kv_head, key, scratch.keys);
    DotPanel16(scratch.keys, q, head_dim, s + (key - tile));
  }
  Scalar new_max = sums.m;
  for (size_t key = from; key < to; ++key) {
    Scalar& score = s[key - tile];
    score *= static_cast<Scalar>(args.scale);
    if (args.softcap > 0.0f) {
      const Scalar cap = args.softcap;
      score = cap * std::tanh(score / cap);
    }
    new_max = std::max(new_max, score);
  }
  const Scalar correction = std::exp(sums.m - new_max);
  sums.l *= correction;
  for (size_t d = 0; d < head_dim; ++d) scratch.segment[d] *= correction;
  for (size_t key = from; key < to; ++key) {
    const Scalar p = std::exp(s[key - tile] - new_max);
    sums.l += p;
    ReadValue(rows, kv_head, key, scratch.value);
    for (size_t d = 0; d < head_dim; ++d) {
      scratch.segment[d] += p * static_cast<Scalar>(scratch.value[d]);
    }
  }
  sums.m = new_max;
}

/// One query row: q, out [head_dim], both turned if the cache is; row_sums [2] or null. The rule is
/// in attention.h, the names are the same.
template <typename Scalar>
void AttendRow(const AttentionArgs& args, const SequenceRows& rows, size_t kv_head, size_t position,
               const float* q, const AttendScratch<Scalar>& scratch, float* out, float* row_sums) {
  Scalar* segment = scratch.segment;
  Scalar* total = scratch.total;
  const size_t head_dim = rows.layout.head_dim;
  const size_t first = args.window == 0 || position < args.window ? 0 : position - args.window + 1;
  const size_t end = position + 1;

  SoftmaxSums<Scalar> all;
  std::fill_n(total, head_dim, Scalar{0});
  for (size_t start = first / kKeySegment * kKeySegment; start < end; start += kKeySegment) {
    const size_t segment_end = std::min(start + kKeySegment, end);
    SoftmaxSums<Scalar> part;
    std::fill_n(segment, head_dim, Scalar{0});
    for (size_t tile = start; tile < segment_end; tile += kKeyTile) {
      const size_t from = std::max(tile, first);
      const size_t to = std::min(tile + kKeyTile, end);
      if (from < to) AttendTile(args, rows, kv_head, from, to, q, scratch, part);
    }
    const Scalar merged_max = std::max(all.m, part.m);
    const Scalar keep = std::exp(all.m - merged_max);
    const Scalar take = std::exp(part.m - merged_max);
    all = {merged_max, all.l * keep + part.l * take};
    for (size_t d = 0; d < head_dim; ++d) total[d] = total[d] * keep + segment[d] * take;
  }
  for (size_t d = 0; d < head_dim; ++d) out[d] = static_cast<float>(total[d] / all.l);
  if (row_sums == nullptr) return;
  row_sums[0] = static_cast<float>(all.m);
  row_sums[1] = static_cast<float>(all.l);
}

/// @param scratch  AttentionScratchBytes(head_dim)
template <typename Scalar>
void AttendPlain(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                 int n_threads) {
  for (const SequenceRows& rows : args.sequences) {
    const size_t head_dim = rows.layout.head_dim;
    ALT_CHECK(scratch.size() >= AttentionScratchBytes(head_dim));
    const size_t to_scalar = -reinterpret_cast<uintptr_t>(scratch.data()) % alignof(Scalar);
    auto* scalars = reinterpret_cast<Scalar*>(scratch.data() + to_scalar);
    auto* floats = reinterpret_cast<float*>(scalars + 2 * head_dim);
    const AttendScratch<Scalar> parts = {.segment = scalars,
                                         .total = scalars + head_dim,
                                         .keys = floats,
                                         .value = floats + head_dim * kPanelRows,
                                         .query = floats + head_dim * (kPanelRows + 1)};
    const size_t group = args.n_heads / rows.layout.n_kv_heads;
    const Share share = ShareOf(rows.n_rows * args.n_heads, 1, thread, n_threads);
    for (size_t at = share.begin; at < share.end; ++at) {
      const size_t row = at / args.n_heads;
      const size_t head = at % args.n_heads;
      const size_t index = (rows.first_row + row) * args.n_heads + head;
      const size_t offset = index * head_dim;
      const float* q = args.q + offset;
      if (rows.layout.is_turned()) q = Turned(q, head_dim, parts.query);
      float* out = args.out + offset;
      AttendRow(args, rows, head / group, rows.first_position + row, q, parts, out,
                args.row_sums == nullptr ? nullptr : args.row_sums + 2 * index);
      if (rows.layout.is_turned()) HadamardTurn(out, head_dim);
    }
  }
}

}  // namespace altteul::kernels
