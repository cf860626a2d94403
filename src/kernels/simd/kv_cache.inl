// SPDX-License-Identifier: Apache-2.0

// Writing rows into the key-value cache and reading tiles of it back. Include after float_avx512.h
// or float_avx2.h. Layout and types: attention.h.
//
// A tile is read as *cells*, places of one float that hold what one step of a product multiplies:
// one f32 (F32Cells), or two bf16 (Bf16Cells of float_avx512.h) that belong to neighbours in the
// direction that is summed. Names of a cell type:
//   kValues                    values in a cell
//   Step(a, b, sum)            sum + the products of a's and b's values
//   Pack(x, y)                 cells (x_i, y_i);  PackNeighbours(x, y): (x_0, x_1), ..., then of y
//   KeepFirst/KeepSecond(c)    the other value is 0 afterwards
//   Exp(x)                     e^x for x <= 0, as precise as the cell can hold

#pragma once

#include "kernels/hadamard.h"
#include "kernels/simd/float_math.inl"

namespace altteul::kernels {
namespace {

struct F32Cells {
  static constexpr size_t kValues = 1;
  static Vec Step(Vec a, Vec b, Vec sum) { return Fma(a, b, sum); }
  static Vec Exp(Vec x) { return kernels::Exp(x); }
};

/// One kv head of one layer in a sequence's pages: where its parts begin in each [bytes].
struct HeadCache {
  KvType type;
  size_t head_dim;
  std::byte* const* pages;
  size_t keys;
  size_t values;
  size_t key_scales;
  size_t value_scales;
};

inline HeadCache HeadOf(const SequenceRows& rows, size_t kv_head) {
  const KvLayout& layout = rows.layout;
  const size_t head_elements = kKeyTile * layout.head_dim;
  const size_t elements = rows.page_offset + layout.bytes_of(kv_head * head_elements);
  const size_t scales = rows.page_offset + kv_head * (head_elements / 32) * sizeof(uint16_t);
  return {layout.type,
          layout.head_dim,
          rows.pages,
          elements + layout.k_offset(),
          elements + layout.v_offset(),
          scales + layout.k_scale_offset(),
          scales + layout.v_scale_offset()};
}

/// What a page holds of one head: a tile. The order inside each part is in attention.h.
struct HeadTile {
  std::byte* keys;
  std::byte* values;
  uint16_t* key_scales;
  uint16_t* value_scales;
};

/// The tile that `position` lies in.
inline HeadTile TileOf(const HeadCache& head, size_t position) {
  std::byte* page = head.pages[position / kKeyTile];
  return {page + head.keys, page + head.values, reinterpret_cast<uint16_t*>(page + head.key_scales),
          reinterpret_cast<uint16_t*>(page + head.value_scales)};
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

inline void StoreRowBf16(const float* x, size_t n, uint16_t* out, size_t stride) {
  for (size_t d = 0; d < n; ++d) out[d * stride] = F32ScalarToBf16(x[d]);
}

/// How far 32 values reach above and below zero.
struct Reach {
  float above;
  float below;
  float larger() const { return below > above ? below : above; }
};
inline Reach ReachOf32(const float* x) {
  Vec most = Load(x);
  Vec least = most;
  for (size_t i = kLanes; i < 32; i += kLanes) {
    most = Max(most, Load(x + i));
    least = Min(least, Load(x + i));
  }
  return {FirstLane(MaxOfLanes(most)), FirstLane(MaxOfLanes(Sub(Zero(), least)))};
}

/// The nearest code to each of 32 values, held in [lowest, highest]. Returns their sum.
inline float CodesOf32(const float* x, float scale, float lowest, float highest, int8_t* codes) {
  Vec sum = Zero();
  for (size_t i = 0; i < 32; i += kLanes) {
    const Vec steps = scale == 0.0f ? Zero() : RoundToEven(Div(Load(x + i), Set1(scale)));
    const Vec held = Min(Max(steps, Set1(lowest)), Set1(highest));
    StoreS8(codes + i, held);
    sum = Add(sum, held);
  }
  return FirstLane(SumOfLanes(sum));
}

// Codes are rounded from the scale as it is stored (f16), so that decoding errs by half a step
// only.

/// Element d of the row goes to d / 4 * kFourStride + d % 4 * kStride.
template <size_t kFourStride, size_t kStride>
inline void StoreRowQ8(const float* x, size_t n, int8_t* out, uint16_t* scales) {
  for (size_t block = 0; block < n / 32; ++block) {
    int8_t codes[32];
    const uint16_t scale = F32ScalarToF16(ReachOf32(x + block * 32).larger() / 127.0f);
    CodesOf32(x + block * 32, F16ScalarToF32(scale), -127.0f, 127.0f, codes);
    scales[block * 16] = scale;
    int8_t* to = out + block * 8 * kFourStride;
#pragma GCC unroll 32
    for (size_t i = 0; i < 32; ++i) to[i / 4 * kFourStride + i % 4 * kStride] = codes[i];
  }
}

/// @param apart  how far apart in the row the two elements are that share a byte
inline void StoreRowQ4(const float* x, size_t n, uint8_t* out, size_t stride, size_t apart,
                       uint16_t* scales, size_t scale_stride) {
  float turned[kMostTurned];
  Turned(x, n, turned);
  for (size_t block = 0; block < n / 32; ++block) {
    int8_t codes[32];
    // The largest is code -8, whichever its sign.
    const Reach reach = ReachOf32(turned + block * 32);
    const uint16_t scale =
        F32ScalarToF16((reach.below > reach.above ? reach.below : -reach.above) / 8.0f);
    CodesOf32(turned + block * 32, F16ScalarToF32(scale), -8.0f, 7.0f, codes);
    scales[block * scale_stride] = scale;
    for (size_t i = 0; i < 16; ++i) {
      const size_t low = apart == 1 ? 2 * i : i;
      out[(block * 16 + i) * stride] =
          static_cast<uint8_t>((codes[low] + 8) | (codes[low + apart] + 8) << 4);
    }
  }
}

/// Writes one position of one kv head. k, v: [head_dim]
inline void StorePosition(const HeadCache& head, size_t position, const float* k, const float* v) {
  const HeadTile tile = TileOf(head, position);
  const size_t slot = position % kKeyTile;
  const size_t n = head.head_dim;
  const size_t key = slot / 16 * n * 16 + slot % 16;
  const size_t value = slot * n;
  if (head.type == KvType::kF32) {
    StoreRowF32(k, n, reinterpret_cast<float*>(tile.keys) + key, 16);
    StoreRowF32(v, n, reinterpret_cast<float*>(tile.values) + value, 1);
  } else if (head.type == KvType::kF16) {
    StoreRowF16(k, n, reinterpret_cast<uint16_t*>(tile.keys) + key, 16);
    StoreRowF16(v, n, reinterpret_cast<uint16_t*>(tile.values) + value, 1);
  } else if (head.type == KvType::kBF16) {
    StoreRowBf16(k, n, reinterpret_cast<uint16_t*>(tile.keys) + key, 16);
    StoreRowBf16(v, n, reinterpret_cast<uint16_t*>(tile.values) + value, 1);
  } else {
    const size_t scale = slot / 16 * (n / 32) * 16 + slot % 16;
    if (head.type == KvType::kQ8_0) {
      auto* keys = reinterpret_cast<int8_t*>(tile.keys) + slot / 16 * n * 16 + slot % 16 * 4;
      StoreRowQ8<64, 1>(k, n, keys, tile.key_scales + scale);
      auto* values = reinterpret_cast<int8_t*>(tile.values) + slot / 4 * n * 4 + slot % 4;
      StoreRowQ8<16, 4>(v, n, values, tile.value_scales + scale);
    } else {
      auto* keys = reinterpret_cast<uint8_t*>(tile.keys) + slot / 16 * n * 8 + slot % 16;
      StoreRowQ4(k, n, keys, 16, 1, tile.key_scales + scale, 16);
      auto* values = reinterpret_cast<uint8_t*>(tile.values) + value / 2;
      StoreRowQ4(v, n, values, 1, 16, tile.value_scales + slot * (n / 32), 1);
    }
  }
}

/// Threads share as rope does, so that a key may be stored by the thread that has turned it.
inline void StoreKv(const StoreKvArgs& args, size_t thread, size_t n_threads) {
  const SequenceRows* sequences = args.sequences.data();
  const size_t n_sequences = args.sequences.size();
  const size_t n_heads = sequences[0].layout.n_kv_heads;  // the same for all
  size_t n_rows = 0;
  for (size_t s = 0; s < n_sequences; ++s) n_rows += sequences[s].n_rows;
  const size_t begin = n_rows * n_heads * thread / n_threads;
  const size_t end = n_rows * n_heads * (thread + 1) / n_threads;

  size_t at = 0;
  for (size_t s = 0; s < n_sequences; ++s) {
    const SequenceRows& rows = sequences[s];
    const size_t last = at + rows.n_rows * n_heads;
    for (size_t pair = begin > at ? begin : at; pair < end && pair < last; ++pair) {
      const HeadCache head = HeadOf(rows, pair % n_heads);
      const size_t row = rows.first_row * n_heads + (pair - at);
      StorePosition(head, rows.first_position + (pair - at) / n_heads, args.k + row * head.head_dim,
                    args.v + row * head.head_dim);
    }
    at = last;
  }
}

// --- reading -----------------------------------------------------------------------------------

// All types but q8_0, which is multiplied as it lies (attention_q8.inl).

constexpr bool HasScales(KvType type) { return type == KvType::kQ4_0; }

/// Elements [at, at + kLanes) of a run. Only q4_0 uses `scale`.
template <KvType kType>
inline Vec LoadKv(const std::byte* elements, size_t at, Vec scale) {
  if constexpr (kType == KvType::kF32) {
    return Load(reinterpret_cast<const float*>(elements) + at);
  } else if constexpr (kType == KvType::kF16) {
    return LoadF16(reinterpret_cast<const uint16_t*>(elements) + at);
  } else if constexpr (kType == KvType::kBF16) {
    return LoadBf16(reinterpret_cast<const uint16_t*>(elements) + at);
  } else {
    static_assert(kType == KvType::kQ4_0);
    const auto* codes = reinterpret_cast<const uint8_t*>(elements) + at / 32 * 16 + at % 16;
    return Mul(Sub(LoadNibbles(codes, at % 32 < 16 ? 0 : 4), Set1(8.0f)), scale);
  }
}

/// The first n < kLanes elements from `at` on, zeros above. Not for types with scales, whose
/// heads are whole.
template <KvType kType>
inline Vec LoadKvPart(const std::byte* elements, size_t at, size_t n) {
  if constexpr (kType == KvType::kF32) {
    return LoadPart(reinterpret_cast<const float*>(elements) + at, n);
  } else {
    uint16_t part[kLanes] = {};
    for (size_t i = 0; i < n; ++i) {
      part[i] = reinterpret_cast<const uint16_t*>(elements)[at + i];
    }
    return LoadKv<kType>(reinterpret_cast<const std::byte*>(part), 0, Zero());
  }
}

constexpr size_t BytesOf(KvType type, size_t n_elements) {
  return KvLayout{.type = type}.bytes_of(n_elements);
}

/// kLanes keys of a group of 16, whose first elements lie from `from` on, to cells 16 apart.
/// @param scales  of these keys, the next 32 elements' 16 apart
template <class Cells, KvType kType>
inline void ReadKeyLanes(const std::byte* keys, size_t from, const uint16_t* scales, size_t n,
                         float* cells) {
  Vec scale = Zero();
  const auto load = [&](size_t d) { return LoadKv<kType>(keys, from + d * 16, scale); };
  for (size_t d = 0; d < n; d += Cells::kValues) {
    if (HasScales(kType) && d % 32 == 0) scale = LoadF16(scales + d / 32 * 16);
    float* to = cells + d / Cells::kValues * 16;
    if constexpr (Cells::kValues == 1) {
      Store(to, load(d));
    } else {
      Store(to, Cells::Pack(load(d), d + 1 < n ? load(d + 1) : Zero()));
    }
  }
}

/// Keys of the 16-key groups [first, last) of a tile, as [4][head_dim / kValues][16] cells. Groups
/// outside the range are not set.
template <class Cells, KvType kType>
inline void ReadKeysAs(const HeadTile& tile, size_t n, size_t first, size_t last, float* out) {
  const size_t n_cells = (n + Cells::kValues - 1) / Cells::kValues;
  for (size_t group = first; group < last; ++group) {
    const size_t from = group * n * 16;
    const uint16_t* scales = tile.key_scales + group * (n / 32) * 16;
    float* cells = out + group * n_cells * 16;
    for (size_t lane = 0; lane < 16; lane += kLanes) {
      ReadKeyLanes<Cells, kType>(tile.keys, from + lane, scales + lane, n, cells + lane);
    }
  }
}

/// One value row of n as f32 vectors: of(d) for d in steps of kLanes.
template <KvType kType>
struct ValueRow {
  const HeadTile& tile;
  size_t n;
  size_t row;

  [[gnu::always_inline]] Vec Of(size_t d) const {
    const size_t from = row * n + d;
    if (d + kLanes > n) {
      if constexpr (HasScales(kType)) return Zero();
      return d < n ? LoadKvPart<kType>(tile.values, from, n - d) : Zero();
    }
    const Vec scale = HasScales(kType)
                          ? Set1(F16ScalarToF32(tile.value_scales[row * (n / 32) + d / 32]))
                          : Zero();
    return LoadKv<kType>(tile.values, from, scale);
  }
};

/// Values of the keys [first, last) of a tile, as [64 / kValues][padded] cells with zeros from n
/// on. Cells with only keys outside the range are not set.
template <class Cells, KvType kType>
inline void ReadValuesAs(const HeadTile& tile, size_t n, size_t first, size_t last, size_t padded,
                         float* out) {
  for (size_t cell = first / Cells::kValues; cell * Cells::kValues < last; ++cell) {
    const ValueRow<kType> row{tile, n, cell * Cells::kValues};
    float* to = out + cell * padded;
    for (size_t d = 0; d < padded; d += kLanes) {
      if constexpr (Cells::kValues == 1) {
        Store(to + d, row.Of(d));
      } else {
        const ValueRow<kType> next{tile, n, row.row + 1};
        Store(to + d, Cells::Pack(row.Of(d), next.Of(d)));
      }
    }
  }
}

/// Points into the cache where its keys are cells already.
template <class Cells>
inline const float* ReadKeys(const HeadCache& head, const HeadTile& tile, size_t first, size_t last,
                             float* scratch) {
  const size_t n = head.head_dim;
  switch (head.type) {
    case KvType::kF32:
      return reinterpret_cast<const float*>(tile.keys);
    case KvType::kF16:
      ReadKeysAs<Cells, KvType::kF16>(tile, n, first, last, scratch);
      break;
    case KvType::kBF16:
      ReadKeysAs<Cells, KvType::kBF16>(tile, n, first, last, scratch);
      break;
    case KvType::kQ8_0:
      break;
    case KvType::kQ4_0:
      ReadKeysAs<Cells, KvType::kQ4_0>(tile, n, first, last, scratch);
      break;
  }
  return scratch;
}

template <class Cells>
inline const float* ReadValues(const HeadCache& head, const HeadTile& tile, size_t first,
                               size_t last, size_t padded, float* scratch) {
  const size_t n = head.head_dim;
  switch (head.type) {
    case KvType::kF32:
      if (n == padded) return reinterpret_cast<const float*>(tile.values);
      ReadValuesAs<F32Cells, KvType::kF32>(tile, n, first, last, padded, scratch);
      break;
    case KvType::kF16:
      ReadValuesAs<Cells, KvType::kF16>(tile, n, first, last, padded, scratch);
      break;
    case KvType::kBF16:
      ReadValuesAs<Cells, KvType::kBF16>(tile, n, first, last, padded, scratch);
      break;
    case KvType::kQ8_0:
      break;
    case KvType::kQ4_0:
      ReadValuesAs<Cells, KvType::kQ4_0>(tile, n, first, last, padded, scratch);
      break;
  }
  return scratch;
}

}  // namespace
}  // namespace altteul::kernels
