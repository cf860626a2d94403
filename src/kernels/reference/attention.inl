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

namespace altteul::kernels {

/// Where one element of the cache lies: its index among the keys or values and among their scales.
struct KvPlace {
  size_t element;
  size_t scale;
};

inline KvPlace KeyPlace(const KvLayout& layout, size_t head, size_t position, size_t d) {
  const size_t slot = position % layout.capacity;
  const size_t group = head * (layout.capacity / 16) + slot / 16;
  return {(group * layout.head_dim + d) * 16 + slot % 16,
          (group * (layout.head_dim / 32) + d / 32) * 16 + slot % 16};
}

inline KvPlace ValuePlace(const KvLayout& layout, size_t head, size_t position, size_t d) {
  const size_t row = head * layout.capacity + position % layout.capacity;
  return {row * layout.head_dim + d, row * (layout.head_dim / 32) + d / 32};
}

inline float ReadKv(const std::byte* elements, const std::byte* scales, KvType type,
                    KvPlace place) {
  if (type == KvType::kF32) {
    float value;
    std::memcpy(&value, elements + place.element * sizeof(value), sizeof(value));
    return value;
  }
  uint16_t half;
  if (type == KvType::kF16) {
    std::memcpy(&half, elements + place.element * sizeof(half), sizeof(half));
    return F16ToF32(half);
  }
  int8_t code;
  std::memcpy(&code, elements + place.element, sizeof(code));
  std::memcpy(&half, scales + place.scale * sizeof(half), sizeof(half));
  return static_cast<float>(code) * F16ToF32(half);
}

inline float ReadKey(const SequenceRows& rows, size_t head, size_t position, size_t d) {
  return ReadKv(rows.cache + rows.layout.k_offset(), rows.cache + rows.layout.k_scale_offset(),
                rows.layout.type, KeyPlace(rows.layout, head, position, d));
}

inline float ReadValue(const SequenceRows& rows, size_t head, size_t position, size_t d) {
  return ReadKv(rows.cache + rows.layout.v_offset(), rows.cache + rows.layout.v_scale_offset(),
                rows.layout.type, ValuePlace(rows.layout, head, position, d));
}

/// One query row: q, out [head_dim]; segment, total [head_dim] are scratch. The rule is in
/// attention.h, the names are the same.
template <typename Scalar>
void AttendRow(const AttentionArgs& args, const SequenceRows& rows, size_t kv_head, size_t position,
               const float* q, Scalar* segment, Scalar* total, float* out) {
  constexpr Scalar kMinusInfinity = -std::numeric_limits<Scalar>::infinity();
  const size_t head_dim = rows.layout.head_dim;
  const size_t first = args.window == 0 || position < args.window ? 0 : position - args.window + 1;
  const size_t end = position + 1;

  Scalar total_max = kMinusInfinity;
  Scalar total_sum = 0;
  std::fill_n(total, head_dim, Scalar{0});
  for (size_t start = first / kKeySegment * kKeySegment; start < end; start += kKeySegment) {
    const size_t segment_end = std::min(start + kKeySegment, end);
    Scalar m = kMinusInfinity;
    Scalar l = 0;
    std::fill_n(segment, head_dim, Scalar{0});
    for (size_t tile = start; tile < segment_end; tile += kKeyTile) {
      const size_t from = std::max(tile, first);
      const size_t to = std::min(tile + kKeyTile, end);
      if (from >= to) continue;

      Scalar s[kKeyTile];
      Scalar new_max = m;
      for (size_t key = from; key < to; ++key) {
        Scalar dot = 0;
        for (size_t d = 0; d < head_dim; ++d) {
          dot += static_cast<Scalar>(q[d]) * static_cast<Scalar>(ReadKey(rows, kv_head, key, d));
        }
        Scalar score = static_cast<Scalar>(args.scale) * dot;
        if (args.softcap > 0.0f) {
          const Scalar cap = args.softcap;
          score = cap * std::tanh(score / cap);
        }
        s[key - from] = score;
        new_max = std::max(new_max, score);
      }
      const Scalar correction = std::exp(m - new_max);
      l *= correction;
      for (size_t d = 0; d < head_dim; ++d) segment[d] *= correction;
      for (size_t key = from; key < to; ++key) {
        const Scalar p = std::exp(s[key - from] - new_max);
        l += p;
        for (size_t d = 0; d < head_dim; ++d) {
          segment[d] += p * static_cast<Scalar>(ReadValue(rows, kv_head, key, d));
        }
      }
      m = new_max;
    }
    const Scalar merged_max = std::max(total_max, m);
    const Scalar keep = std::exp(total_max - merged_max);
    const Scalar take = std::exp(m - merged_max);
    total_sum = total_sum * keep + l * take;
    for (size_t d = 0; d < head_dim; ++d) total[d] = total[d] * keep + segment[d] * take;
    total_max = merged_max;
  }
  for (size_t d = 0; d < head_dim; ++d) out[d] = static_cast<float>(total[d] / total_sum);
}

/// @param scratch  AttentionScratchBytes(head_dim)
template <typename Scalar>
void AttendPlain(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                 int n_threads) {
  for (const SequenceRows& rows : args.sequences) {
    const size_t head_dim = rows.layout.head_dim;
    ALT_CHECK(scratch.size() >= AttentionScratchBytes(head_dim));
    const auto address = reinterpret_cast<uintptr_t>(scratch.data());
    auto* segment = reinterpret_cast<Scalar*>((address + alignof(Scalar) - 1) / alignof(Scalar) *
                                              alignof(Scalar));
    const size_t group = args.n_heads / rows.layout.n_kv_heads;
    const Share share = ShareOf(rows.n_rows * args.n_heads, 1, thread, n_threads);
    for (size_t at = share.begin; at < share.end; ++at) {
      const size_t row = at / args.n_heads;
      const size_t head = at % args.n_heads;
      const size_t offset = ((rows.first_row + row) * args.n_heads + head) * head_dim;
      AttendRow(args, rows, head / group, rows.first_position + row, args.q + offset, segment,
                segment + head_dim, args.out + offset);
    }
  }
}

}  // namespace altteul::kernels
