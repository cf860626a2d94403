// SPDX-License-Identifier: Apache-2.0

#include "kernels/reference/attention.inl"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/reference/reference.h"

namespace altteul::kernels {
namespace {

void WriteHalf(std::byte* out, size_t index, uint16_t half) {
  std::memcpy(out + index * sizeof(half), &half, sizeof(half));
}

/// The scale of 32 values as it is stored (f16): from it their codes are rounded, so that decoding
/// errs by half a step only.
uint16_t ScaleOf32(KvType type, const float* x) {
  const auto [least, most] = std::minmax_element(x, x + 32);
  if (type == KvType::kQ8_0)
    return F32ToF16(std::max(std::fabs(*least), std::fabs(*most)) / 127.0f);
  return F32ToF16((-*least > *most ? *least : *most) / -8.0f);  // the larger one is code -8
}

/// Writes one row x [head_dim]; place(d) tells where its elements and scales go.
template <typename Place>
void WriteRow(const KvLayout& layout, const float* x, std::byte* elements, std::byte* scales,
              const Place& place) {
  float scale = 0.0f;
  const float lowest_code = layout.type == KvType::kQ4_0 ? -8.0f : -127.0f;
  const float highest_code = layout.type == KvType::kQ4_0 ? 7.0f : 127.0f;
  for (size_t d = 0; d < layout.head_dim; ++d) {
    const KvPlace at = place(d);
    if (layout.type == KvType::kF32) {
      std::memcpy(elements + at.element * sizeof(float), x + d, sizeof(float));
    } else if (layout.type == KvType::kF16) {
      WriteHalf(elements, at.element, F32ToF16(x[d]));
    } else if (layout.type == KvType::kBF16) {
      WriteHalf(elements, at.element, F32ToBf16(x[d]));
    } else {
      if (d % 32 == 0) {
        const uint16_t half = ScaleOf32(layout.type, x + d);
        WriteHalf(scales, at.scale, half);
        scale = F16ToF32(half);
      }
      // Rounding the scale down can make the largest value of q8_0 127.06 steps.
      const float steps = scale == 0.0f ? 0.0f : std::nearbyint(x[d] / scale);
      const float held = std::min(std::max(steps, lowest_code), highest_code);
      const auto code = static_cast<int8_t>(held);
      if (layout.type == KvType::kQ8_0) {
        std::memcpy(elements + at.element, &code, sizeof(code));
      } else {
        const HalfByte half = HalfByteOf(at.element);
        const std::byte others = elements[half.byte] & ~(std::byte{15} << half.shift);
        elements[half.byte] = others | static_cast<std::byte>(code + 8) << half.shift;
      }
    }
  }
}

}  // namespace

void StoreKvReference(const StoreKvArgs& args, int thread, int n_threads) {
  size_t n_pairs = 0;  // (row, head) of the whole pass
  for (const SequenceRows& rows : args.sequences) n_pairs += rows.n_rows * rows.layout.n_kv_heads;
  const Share share = ShareOf(n_pairs, 1, thread, n_threads);
  size_t first = 0;
  for (const SequenceRows& rows : args.sequences) {
    const KvLayout& layout = rows.layout;
    const size_t end = first + rows.n_rows * layout.n_kv_heads;
    for (size_t pair = std::max(share.begin, first); pair < std::min(share.end, end); ++pair) {
      const size_t at = pair - first;
      const size_t head = at % layout.n_kv_heads;
      const size_t position = rows.first_position + at / layout.n_kv_heads;
      const size_t offset = (rows.first_row * layout.n_kv_heads + at) * layout.head_dim;
      const float* k = args.k + offset;
      const float* v = args.v + offset;
      float turned_k[kMostTurned], turned_v[kMostTurned];
      if (layout.is_turned()) {
        k = Turned(k, layout.head_dim, turned_k);
        v = Turned(v, layout.head_dim, turned_v);
      }
      std::byte* page = rows.PageOf(position);
      WriteRow(layout, k, page + layout.k_offset(), page + layout.k_scale_offset(),
               [&](size_t d) { return KeyPlace(layout, head, position, d); });
      WriteRow(layout, v, page + layout.v_offset(), page + layout.v_scale_offset(),
               [&](size_t d) { return ValuePlace(layout, head, position, d); });
    }
    first = end;
  }
}

void AttendReference(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads) {
  AttendPlain<float>(args, scratch, thread, n_threads);
}

void MergeSegmentsReference(const AttentionArgs& /*args*/, int /*thread*/, int /*n_threads*/) {}

}  // namespace altteul::kernels
