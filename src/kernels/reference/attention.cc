#include "kernels/reference/attention.inl"

#include <cmath>
#include <cstring>

#include "kernels/reference/reference.h"

namespace altteul::kernels {
namespace {

void WriteHalf(std::byte* out, size_t index, uint16_t half) {
  std::memcpy(out + index * sizeof(half), &half, sizeof(half));
}

/// Writes one row x [head_dim]; place(d) tells where its elements and scales go.
template <typename Place>
void WriteRow(const KvLayout& layout, const float* x, std::byte* elements, std::byte* scales,
              const Place& place) {
  float scale = 0.0f;
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
        float largest = 0.0f;
        for (size_t i = d; i < d + 32; ++i) largest = std::max(largest, std::fabs(x[i]));
        const uint16_t half = F32ToF16(largest / 127.0f);
        WriteHalf(scales, at.scale, half);
        scale = F16ToF32(half);
      }
      // From the scale as it is stored, so that decoding errs by half a step only. Rounding the
      // scale down can make the largest value 127.06 steps.
      const float steps = scale == 0.0f ? 0.0f : std::nearbyint(x[d] / scale);
      const float held = std::min(std::max(steps, -127.0f), 127.0f);
      const auto code = static_cast<int8_t>(held);
      std::memcpy(elements + at.element, &code, sizeof(code));
    }
  }
}

}  // namespace

void StoreKvReference(const StoreKvArgs& args, int thread, int n_threads) {
  for (const SequenceRows& rows : args.sequences) {
    const KvLayout& layout = rows.layout;
    const Share share = ShareOf(rows.n_rows * layout.n_kv_heads, 1, thread, n_threads);
    for (size_t at = share.begin; at < share.end; ++at) {
      const size_t head = at % layout.n_kv_heads;
      const size_t position = rows.first_position + at / layout.n_kv_heads;
      const size_t offset = (rows.first_row * layout.n_kv_heads + at) * layout.head_dim;
      WriteRow(layout, args.k + offset, rows.cache + layout.k_offset(),
               rows.cache + layout.k_scale_offset(),
               [&](size_t d) { return KeyPlace(layout, head, position, d); });
      WriteRow(layout, args.v + offset, rows.cache + layout.v_offset(),
               rows.cache + layout.v_scale_offset(),
               [&](size_t d) { return ValuePlace(layout, head, position, d); });
    }
  }
}

void AttendReference(const AttentionArgs& args, std::span<std::byte> scratch, int thread,
                     int n_threads) {
  AttendPlain<float>(args, scratch, thread, n_threads);
}

}  // namespace altteul::kernels
