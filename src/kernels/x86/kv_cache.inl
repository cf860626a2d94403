// Writing rows into the key-value cache and reading tiles of it back as f32. Include after
// float_avx512.h or float_avx2.h. Layout and types: attention.h.

#pragma once

namespace altteul::kernels {
namespace {

/// One kv head of one layer's cache.
struct HeadCache {
  KvType type;
  size_t head_dim;
  size_t capacity;
  std::byte* keys;         // [capacity / 16][head_dim][16]
  std::byte* values;       // [capacity][head_dim]
  uint16_t* key_scales;    // [capacity / 16][head_dim / 32][16]
  uint16_t* value_scales;  // [capacity][head_dim / 32]
};

inline HeadCache HeadOf(const SequenceRows& rows, size_t kv_head) {
  const KvLayout& layout = rows.layout;
  const size_t head_elements = layout.capacity * layout.head_dim;
  const size_t head_bytes = kv_head * head_elements * layout.element_bytes();
  const size_t scale_bytes = kv_head * (head_elements / 32) * sizeof(uint16_t);
  std::byte* cache = rows.cache;
  return {layout.type,
          layout.head_dim,
          layout.capacity,
          cache + layout.k_offset() + head_bytes,
          cache + layout.v_offset() + head_bytes,
          reinterpret_cast<uint16_t*>(cache + layout.k_scale_offset() + scale_bytes),
          reinterpret_cast<uint16_t*>(cache + layout.v_scale_offset() + scale_bytes)};
}

// --- writing -----------------------------------------------------------------------------------

// The elements of a row lie `stride` apart: 16 among the keys, 1 among the values.

inline void StoreRowF32(const float* x, size_t n, float* out, size_t stride) {
  for (size_t d = 0; d < n; ++d) out[d * stride] = x[d];
}

inline void StoreRowF16(const float* x, size_t n, uint16_t* out, size_t stride) {
  size_t d = 0;
  for (; d + kLanes <= n; d += kLanes) {
    uint16_t halves[kLanes];
    StoreF16(halves, Load(x + d));
    for (size_t i = 0; i < kLanes; ++i) out[(d + i) * stride] = halves[i];
  }
  for (; d < n; ++d) out[d * stride] = F32ScalarToF16(x[d]);
}

/// Codes of 32 values from their scale as it is stored, so that decoding errs by half a step only.
inline void StoreRowQ8(const float* x, size_t n, int8_t* out, size_t stride, uint16_t* scales,
                       size_t scale_stride) {
  for (size_t block = 0; block < n / 32; ++block) {
    const float* values = x + block * 32;
    Vec largest = Zero();
    for (size_t i = 0; i < 32; i += kLanes) largest = Max(largest, Abs(Load(values + i)));
    const uint16_t scale_f16 = F32ScalarToF16(FirstLane(MaxOfLanes(largest)) / 127.0f);
    const float scale = F16ScalarToF32(scale_f16);
    int8_t codes[32] = {};
    if (scale != 0.0f) {
      for (size_t i = 0; i < 32; i += kLanes) {
        const Vec steps = RoundToEven(Div(Load(values + i), Set1(scale)));
        StoreS8(codes + i, Min(Max(steps, Set1(-127.0f)), Set1(127.0f)));
      }
    }
    scales[block * scale_stride] = scale_f16;
    for (size_t i = 0; i < 32; ++i) out[(block * 32 + i) * stride] = codes[i];
  }
}

/// Writes one position of one kv head. k, v: [head_dim]
inline void StorePosition(const HeadCache& head, size_t position, const float* k, const float* v) {
  const size_t slot = position % head.capacity;
  const size_t n = head.head_dim;
  const size_t key = slot / 16 * n * 16 + slot % 16;
  const size_t value = slot * n;
  if (head.type == KvType::kF32) {
    StoreRowF32(k, n, reinterpret_cast<float*>(head.keys) + key, 16);
    StoreRowF32(v, n, reinterpret_cast<float*>(head.values) + value, 1);
  } else if (head.type == KvType::kF16) {
    StoreRowF16(k, n, reinterpret_cast<uint16_t*>(head.keys) + key, 16);
    StoreRowF16(v, n, reinterpret_cast<uint16_t*>(head.values) + value, 1);
  } else {
    StoreRowQ8(k, n, reinterpret_cast<int8_t*>(head.keys) + key, 16,
               head.key_scales + slot / 16 * (n / 32) * 16 + slot % 16, 16);
    StoreRowQ8(v, n, reinterpret_cast<int8_t*>(head.values) + value, 1,
               head.value_scales + slot * (n / 32), 1);
  }
}

/// Threads share the (sequence, kv head, row) triples in contiguous runs.
inline void StoreKv(const StoreKvArgs& args, size_t thread, size_t n_threads) {
  const SequenceRows* sequences = args.sequences.data();
  const size_t n_sequences = args.sequences.size();
  size_t total = 0;
  for (size_t s = 0; s < n_sequences; ++s) {
    total += sequences[s].n_rows * sequences[s].layout.n_kv_heads;
  }
  const size_t begin = total * thread / n_threads;
  const size_t end = total * (thread + 1) / n_threads;

  size_t at = 0;
  for (size_t s = 0; s < n_sequences; ++s) {
    const SequenceRows& rows = sequences[s];
    const size_t n_heads = rows.layout.n_kv_heads;
    for (size_t h = 0; h < n_heads; ++h, at += rows.n_rows) {
      const HeadCache head = HeadOf(rows, h);
      const size_t first = begin > at ? begin - at : 0;
      const size_t last = end < at + rows.n_rows ? (end > at ? end - at : 0) : rows.n_rows;
      for (size_t row = first; row < last; ++row) {
        const size_t offset = ((rows.first_row + row) * n_heads + h) * head.head_dim;
        StorePosition(head, rows.first_position + row, args.k + offset, args.v + offset);
      }
    }
  }
}

// --- reading -----------------------------------------------------------------------------------

inline void DecodeF16(const uint16_t* in, size_t n, float* out) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, LoadF16(in + i));
  for (; i < n; ++i) out[i] = F16ScalarToF32(in[i]);
}

inline void CopyF32(const float* in, size_t n, float* out) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, Load(in + i));
  for (; i < n; ++i) out[i] = in[i];
}

/// 16 keys side by side: codes [head_dim][16], scales [head_dim / 32][16] -> out [head_dim][16]
inline void DecodeKeysQ8(const int8_t* codes, const uint16_t* scales, size_t head_dim, float* out) {
  for (size_t block = 0; block < head_dim / 32; ++block) {
    Vec scale[16 / kLanes];
    for (size_t i = 0; i < 16 / kLanes; ++i) scale[i] = LoadF16(scales + block * 16 + i * kLanes);
    for (size_t at = block * 512; at < (block + 1) * 512; at += 16) {
      for (size_t i = 0; i < 16 / kLanes; ++i) {
        const size_t j = at + i * kLanes;
        Store(out + j, Mul(LoadS8(codes + j), scale[i]));
      }
    }
  }
}

inline void DecodeValueQ8(const int8_t* codes, const uint16_t* scales, size_t head_dim,
                          float* out) {
  for (size_t block = 0; block < head_dim / 32; ++block) {
    const Vec scale = Set1(F16ScalarToF32(scales[block]));
    for (size_t d = block * 32; d < (block + 1) * 32; d += kLanes) {
      Store(out + d, Mul(LoadS8(codes + d), scale));
    }
  }
}

/// Keys of the 16-key groups [first, last) of the tile at `slot`, as f32 [4][head_dim][16]. Groups
/// outside the range are not set. Points into the cache where it is f32 already.
inline const float* ReadKeys(const HeadCache& head, size_t slot, size_t first, size_t last,
                             float* scratch) {
  const size_t group_size = head.head_dim * 16;
  const size_t base = slot * head.head_dim;
  if (head.type == KvType::kF32) return reinterpret_cast<const float*>(head.keys) + base;
  if (head.type == KvType::kF16) {
    DecodeF16(reinterpret_cast<const uint16_t*>(head.keys) + base + first * group_size,
              (last - first) * group_size, scratch + first * group_size);
    return scratch;
  }
  const int8_t* codes = reinterpret_cast<const int8_t*>(head.keys) + base;
  for (size_t group = first; group < last; ++group) {
    DecodeKeysQ8(codes + group * group_size,
                 head.key_scales + (slot / 16 + group) * (head.head_dim / 32) * 16, head.head_dim,
                 scratch + group * group_size);
  }
  return scratch;
}

/// Values of the keys [first, last) of the tile at `slot`, as f32 [64][padded] with zeros from
/// head_dim on. Keys outside the range are not set.
inline const float* ReadValues(const HeadCache& head, size_t slot, size_t first, size_t last,
                               size_t padded, float* scratch) {
  const size_t n = head.head_dim;
  const size_t base = slot * n;
  if (head.type == KvType::kF32 && n == padded) {
    return reinterpret_cast<const float*>(head.values) + base;
  }
  for (size_t key = first; key < last; ++key) {
    const size_t at = base + key * n;
    float* out = scratch + key * padded;
    if (head.type == KvType::kF32) {
      CopyF32(reinterpret_cast<const float*>(head.values) + at, n, out);
    } else if (head.type == KvType::kF16) {
      DecodeF16(reinterpret_cast<const uint16_t*>(head.values) + at, n, out);
    } else {
      DecodeValueQ8(reinterpret_cast<const int8_t*>(head.values) + at,
                    head.value_scales + (slot + key) * (n / 32), n, out);
    }
    for (size_t d = n; d < padded; ++d) out[d] = 0.0f;
  }
  return scratch;
}

}  // namespace
}  // namespace altteul::kernels
