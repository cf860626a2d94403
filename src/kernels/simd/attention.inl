// The attention kernel. Include after float_avx512.h or float_avx2.h.
//
// A block is up to 48 rows (a token's query head each) of one kv head. Block by block, tile by
// tile, 64 keys and values are decoded to cells (kv_cache.inl) once and then serve six rows at a
// time: scores and weighted values are the same small product, sums in registers, one load of a key
// vector for six rows.
//
// Which rows share a register tile must not show in the result. A score is a lane of its own, so
// extra keys do no harm; but a value of a key that a row does not see is never multiplied, not even
// by zero, since it may be NaN. So the keys that all six rows see are taken together, and the few
// at the edges row by row; the order stays ascending for each row.

#pragma once

#include "kernels/simd/float_math.inl"
#include "kernels/simd/kv_cache.inl"

namespace altteul::kernels {
namespace {

// --- the product -------------------------------------------------------------------------------

/// c[r][j] = sum_i a[r][i] b[i][j] over cells, i ascending in one chain of steps per sum. Columns
/// come in groups of 16; group g of row i of b lies at b + i * b_stride + g * group_stride.
struct Product {
  const float* a;  // [n_rows][n] cells
  size_t a_stride;
  const float* b;  // [n][n_groups * 16] cells
  size_t b_stride;
  size_t group_stride;
  size_t n;
  float* c;  // [n_rows][n_groups * 16]
  size_t c_stride;
};

template <class Cells, size_t kRows, size_t kGroups, bool kAccumulate>
[[gnu::noinline]] void MultiplyPass(const Product& product) {
  constexpr size_t kVecs = kGroups * 16 / kLanes;
  constexpr size_t kVecsPerGroup = 16 / kLanes;
  const float* a = product.a;
  const float* b = product.b;
  const size_t a_stride = product.a_stride;
  const size_t b_stride = product.b_stride;
  const size_t group_stride = product.group_stride;
  const size_t c_stride = product.c_stride;
  float* c = product.c;

  Vec sums[kRows][kVecs];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) {
      sums[r][v] = kAccumulate ? Load(c + r * c_stride + v * kLanes) : Zero();
    }
  }
  for (size_t i = 0; i < product.n; ++i) {
    Vec columns[kVecs];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) {
      columns[v] = Load(b + v / kVecsPerGroup * group_stride + v % kVecsPerGroup * kLanes);
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const Vec factor = Set1(a[r * a_stride + i]);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVecs; ++v) sums[r][v] = Cells::Step(factor, columns[v], sums[r][v]);
    }
    b += b_stride;
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVecs; ++v) Store(c + r * c_stride + v * kLanes, sums[r][v]);
  }
}

/// As many groups as fit in registers at a time.
template <class Cells, size_t kRows, bool kAccumulate>
void MultiplyRows(Product product, size_t n_groups) {
  size_t group = 0;
  const auto pass = [&]<size_t kGroups>() {
    if constexpr (kGroups <= kWidestPass) {
      for (; group + kGroups <= n_groups; group += kGroups) {
        MultiplyPass<Cells, kRows, kGroups, kAccumulate>(product);
        product.b += kGroups * product.group_stride;
        product.c += kGroups * 16;
      }
    }
  };
  pass.template operator()<4>();
  pass.template operator()<2>();
  pass.template operator()<1>();
}

template <class Cells, bool kAccumulate>
void Multiply(const Product& product, size_t n_rows, size_t n_groups) {
  static_assert(kRowTile == 6);
  switch (n_rows) {
    case 1:
      return MultiplyRows<Cells, 1, kAccumulate>(product, n_groups);
    case 2:
      return MultiplyRows<Cells, 2, kAccumulate>(product, n_groups);
    case 3:
      return MultiplyRows<Cells, 3, kAccumulate>(product, n_groups);
    case 4:
      return MultiplyRows<Cells, 4, kAccumulate>(product, n_groups);
    case 5:
      return MultiplyRows<Cells, 5, kAccumulate>(product, n_groups);
    default:
      return MultiplyRows<Cells, 6, kAccumulate>(product, n_groups);
  }
}

// --- one block ---------------------------------------------------------------------------------

constexpr float kMinusInfinity = -__builtin_inff();

/// Keys [first, last), relative to a tile's start.
struct KeyRange {
  size_t first;
  size_t last;
};

struct Block {
  HeadCache head;
  size_t n_rows;  // n_tokens * n_heads, at most kBlockRows; heads of a token side by side
  size_t window;
  float scale;
  float softcap;
  size_t padded;   // see ScratchPlan, as the rest
  float* keys;     // cells
  float* values;   // cells
  float* queries;  // cells
  float* weights;  // scores, then cells
  float* segment;
  float* total;
  float* segment_max;
  float* segment_sum;
  float* total_max;
  float* total_sum;
  size_t position[kBlockRows];  // of each row
};

/// The first key that the query at `position` sees.
inline size_t FirstKey(const Block& block, size_t position) {
  return block.window == 0 || position < block.window ? 0 : position - block.window + 1;
}

/// What part of the `length` keys from `start` the rows [row, last_row] see, together.
inline KeyRange SeenBy(const Block& block, size_t row, size_t last_row, size_t start,
                       size_t length) {
  const size_t first = FirstKey(block, block.position[row]);
  const size_t last = block.position[last_row] + 1;
  const size_t from = first > start ? first - start : 0;
  const size_t to = last < start + length ? (last > start ? last - start : 0) : length;
  return {from, to > from ? to : from};
}

/// One step of the online softmax: scores [64] -> cells of exp(score - max) in place, 0 outside
/// `seen`. Returns exp(old max - new max), by which all earlier sums must be multiplied.
template <class Cells>
inline float SoftmaxStep(const Block& block, KeyRange seen, float* scores, float* max, float* sum) {
  constexpr size_t kVecs = kKeyTile / kLanes;
  const uint64_t upto = seen.last == 64 ? ~uint64_t{0} : (uint64_t{1} << seen.last) - 1;
  const uint64_t lanes = upto & ~((uint64_t{1} << seen.first) - 1);

  Vec s[kVecs];
  Vec largest = Set1(kMinusInfinity);
  for (size_t v = 0; v < kVecs; ++v) {
    s[v] = Mul(Set1(block.scale), Load(scores + v * kLanes));
    if (block.softcap > 0.0f) {
      const Vec cap = Set1(block.softcap);
      s[v] = Mul(cap, Tanh(Div(s[v], cap)));
    }
    s[v] = Select(static_cast<uint32_t>(lanes >> (v * kLanes)), s[v], Set1(kMinusInfinity));
    largest = Max(largest, s[v]);
  }
  const Vec old_max = Set1(*max);
  const Vec new_max = Max(old_max, MaxOfLanes(largest));
  const Vec correction = Exp(Sub(old_max, new_max));
  for (size_t v = 0; v < kVecs; ++v) {
    s[v] = Select(static_cast<uint32_t>(lanes >> (v * kLanes)), Cells::Exp(Sub(s[v], new_max)),
                  Zero());
  }
  if constexpr (Cells::kValues == 1) {
    for (size_t v = 0; v < kVecs; ++v) Store(scores + v * kLanes, s[v]);
  } else {
    for (size_t v = 0; v < kVecs; v += 2) {
      Store(scores + v / 2 * kLanes, Cells::PackNeighbours(s[v], s[v + 1]));
    }
  }
  // Neighbours first: (0 + 1) + (2 + 3) for four vectors.
  for (size_t n = kVecs; n > 1; n /= 2) {
    for (size_t v = 0; v < n / 2; ++v) s[v] = Add(s[2 * v], s[2 * v + 1]);
  }
  *max = FirstLane(new_max);
  *sum = FirstLane(Fma(Set1(*sum), correction, SumOfLanes(s[0])));
  return FirstLane(correction);
}

inline void ScaleRow(float* row, size_t padded, float factor) {
  if (factor == 1.0f) return;
  for (size_t d = 0; d < padded; d += kLanes) Store(row + d, Mul(Load(row + d), Set1(factor)));
}

/// The cell that holds key `key`, of which the row sees only this one of its two.
template <class Cells>
inline void AddHalfCell(const Block& block, const float* values, size_t row, const float* weights,
                        size_t key) {
  const size_t cell = key / 2;
  const Vec weight = Set1(weights[cell]);
  float* out = block.segment + row * block.padded;
  for (size_t d = 0; d < block.padded; d += kLanes) {
    const Vec both = Load(values + cell * block.padded + d);
    const Vec one = key % 2 == 0 ? Cells::KeepFirst(both) : Cells::KeepSecond(both);
    Store(out + d, Cells::Step(weight, one, Load(out + d)));
  }
}

/// o[d] += p[k] V[k][d] for the keys of `seen`, rows [row, row + n_rows), cells ascending.
/// @param weights  cells [n_rows][kKeyTile]
/// @pre more than one row: `seen` is made of whole cells
template <class Cells>
inline void AddValues(const Block& block, const float* values, size_t row, size_t n_rows,
                      const float* weights, KeyRange seen) {
  constexpr size_t n = Cells::kValues;
  if (seen.first >= seen.last) return;
  if constexpr (n == 2) {
    if (seen.first % n != 0) AddHalfCell<Cells>(block, values, row, weights, seen.first);
  }
  const size_t first = (seen.first + n - 1) / n;
  const size_t last = seen.last / n;
  if (first < last) {
    Multiply<Cells, true>({.a = weights + first,
                           .a_stride = kKeyTile,
                           .b = values + first * block.padded,
                           .b_stride = block.padded,
                           .group_stride = 16,
                           .n = last - first,
                           .c = block.segment + row * block.padded,
                           .c_stride = block.padded},
                          n_rows, block.padded / 16);
  }
  if constexpr (n == 2) {
    if (seen.last % n != 0) AddHalfCell<Cells>(block, values, row, weights, seen.last - 1);
  }
}

/// Rows [row, row + n_rows), at most kRowTile, over the tile at `start`.
template <class Cells>
inline void AttendRows(const Block& block, const float* keys, const float* values, size_t row,
                       size_t n_rows, size_t start) {
  constexpr size_t n = Cells::kValues;
  const KeyRange any = SeenBy(block, row, row + n_rows - 1, start, kKeyTile);
  if (any.first >= any.last) return;
  const size_t first_group = any.first / 16;
  const size_t last_group = (any.last + 15) / 16;
  const size_t n_cells = (block.head.head_dim + n - 1) / n;
  Multiply<Cells, false>({.a = block.queries + row * block.padded,
                          .a_stride = block.padded,
                          .b = keys + first_group * n_cells * 16,
                          .b_stride = 16,
                          .group_stride = n_cells * 16,
                          .n = n_cells,
                          .c = block.weights + first_group * 16,
                          .c_stride = kKeyTile},
                         n_rows, last_group - first_group);

  KeyRange seen[kRowTile];
  KeyRange all = any;  // what every row sees
  for (size_t r = 0; r < n_rows; ++r) {
    seen[r] = SeenBy(block, row + r, row + r, start, kKeyTile);
    if (seen[r].first > all.first) all.first = seen[r].first;
    if (seen[r].last < all.last) all.last = seen[r].last;
    if (seen[r].first >= seen[r].last) continue;
    const float correction =
        SoftmaxStep<Cells>(block, seen[r], block.weights + r * kKeyTile,
                           block.segment_max + row + r, block.segment_sum + row + r);
    ScaleRow(block.segment + (row + r) * block.padded, block.padded, correction);
  }
  all.first = (all.first + n - 1) / n * n;
  all.last = all.last / n * n;

  const auto add_one = [&](size_t r, KeyRange range) {
    AddValues<Cells>(block, values, row + r, 1, block.weights + r * kKeyTile, range);
  };
  if (all.first >= all.last) {
    for (size_t r = 0; r < n_rows; ++r) add_one(r, seen[r]);
    return;
  }
  for (size_t r = 0; r < n_rows; ++r) add_one(r, {seen[r].first, all.first});
  AddValues<Cells>(block, values, row, n_rows, block.weights, all);
  for (size_t r = 0; r < n_rows; ++r) add_one(r, {all.last, seen[r].last});
}

/// All rows of the block over the tile at `start`.
template <class Cells>
inline void AttendTile(const Block& block, size_t start) {
  const KeyRange any = SeenBy(block, 0, block.n_rows - 1, start, kKeyTile);
  const size_t slot = start % block.head.capacity;
  const float* keys =
      ReadKeys<Cells>(block.head, slot, any.first / 16, (any.last + 15) / 16, block.keys);
  const float* values =
      ReadValues<Cells>(block.head, slot, any.first, any.last, block.padded, block.values);

  const size_t n_tiles = (block.n_rows + kRowTile - 1) / kRowTile;
  for (size_t tile = 0; tile < n_tiles; ++tile) {  // even shares: 8 rows are 4 + 4
    const size_t row = block.n_rows * tile / n_tiles;
    AttendRows<Cells>(block, keys, values, row, block.n_rows * (tile + 1) / n_tiles - row, start);
  }
}

inline void ClearSums(const Block& block, float* sums, float* max, float* sum) {
  for (size_t i = 0; i < block.n_rows * block.padded; i += kLanes) Store(sums + i, Zero());
  for (size_t row = 0; row < block.n_rows; ++row) {
    max[row] = kMinusInfinity;
    sum[row] = 0.0f;
  }
}

/// total = total * exp(M - M') + segment * exp(m - M'), M' the larger maximum.
inline void MergeSegment(const Block& block, size_t row) {
  const Vec total_max = Set1(block.total_max[row]);
  const Vec segment_max = Set1(block.segment_max[row]);
  const Vec new_max = Max(total_max, segment_max);
  const Vec keep = Exp(Sub(total_max, new_max));
  const Vec take = Exp(Sub(segment_max, new_max));
  const auto merged = [&](Vec total, Vec segment) { return Fma(total, keep, Mul(segment, take)); };
  block.total_max[row] = FirstLane(new_max);
  block.total_sum[row] =
      FirstLane(merged(Set1(block.total_sum[row]), Set1(block.segment_sum[row])));
  float* total = block.total + row * block.padded;
  const float* segment = block.segment + row * block.padded;
  for (size_t d = 0; d < block.padded; d += kLanes) {
    Store(total + d, merged(Load(total + d), Load(segment + d)));
  }
}

/// Fills total and total_sum of every row of the block.
template <class Cells>
inline void AttendBlock(const Block& block) {
  ClearSums(block, block.total, block.total_max, block.total_sum);
  const size_t first = FirstKey(block, block.position[0]);
  const size_t end = block.position[block.n_rows - 1] + 1;
  for (size_t segment = first / kKeySegment * kKeySegment; segment < end; segment += kKeySegment) {
    ClearSums(block, block.segment, block.segment_max, block.segment_sum);
    for (size_t tile = segment; tile < segment + kKeySegment && tile < end; tile += kKeyTile) {
      if (tile + kKeyTile > first) AttendTile<Cells>(block, tile);
    }
    for (size_t row = 0; row < block.n_rows; ++row) {
      const KeyRange seen = SeenBy(block, row, row, segment, kKeySegment);
      if (seen.first < seen.last) MergeSegment(block, row);
    }
  }
}

// --- the whole step ----------------------------------------------------------------------------

/// Tokens [token, token + n_tokens) of a sequence, query heads [head, head + n_heads).
struct Work {
  const SequenceRows* rows;
  size_t token;
  size_t n_tokens;
  size_t head;
  size_t n_heads;
};

/// Each row of n floats as cells, zeros behind.
template <class Cells>
inline void ReadQuery(const float* q, size_t n, float* cells) {
  const auto load = [&](size_t d) {
    return d + kLanes <= n ? Load(q + d) : d < n ? LoadPart(q + d, n - d) : Zero();
  };
  if constexpr (Cells::kValues == 1) {
    for (size_t d = 0; d < n; d += kLanes) Store(cells + d, load(d));
  } else {
    for (size_t d = 0; d < n; d += 2 * kLanes) {
      Store(cells + d / 2, Cells::PackNeighbours(load(d), load(d + kLanes)));
    }
  }
}

template <class Cells>
inline void ReadQueries(const AttentionArgs& args, const Work& work, const Block& block) {
  const size_t n = block.head.head_dim;
  for (size_t row = 0; row < block.n_rows; ++row) {
    const size_t token = work.rows->first_row + work.token + row / work.n_heads;
    const size_t head = work.head + row % work.n_heads;
    const float* q = args.q + (token * args.n_heads + head) * n;
    float turned[kMostTurned];
    if (work.rows->layout.is_turned()) q = Turned(q, n, turned);
    ReadQuery<Cells>(q, n, block.queries + row * block.padded);
  }
}

inline void WriteOutputs(const AttentionArgs& args, const Work& work, const Block& block) {
  const size_t n = block.head.head_dim;
  for (size_t row = 0; row < block.n_rows; ++row) {
    const size_t token = work.rows->first_row + work.token + row / work.n_heads;
    const size_t head = work.head + row % work.n_heads;
    float* out = args.out + (token * args.n_heads + head) * n;
    const float* total = block.total + row * block.padded;
    const Vec sum = Set1(block.total_sum[row]);
    size_t d = 0;
    for (; d + kLanes <= n; d += kLanes) Store(out + d, Div(Load(total + d), sum));
    if (d < n) StorePart(out + d, Div(Load(total + d), sum), n - d);
    if (work.rows->layout.is_turned()) HadamardTurn(out, n);
  }
}

inline void RunWork(const AttentionArgs& args, const Work& work, float* scratch) {
  const KvLayout& layout = work.rows->layout;
  const ScratchPlan plan = PlanScratch(layout.head_dim);
  Block block = {
      .head = HeadOf(*work.rows, work.head / (args.n_heads / layout.n_kv_heads)),
      .n_rows = work.n_tokens * work.n_heads,
      .window = args.window,
      .scale = args.scale,
      .softcap = args.softcap,
      .padded = plan.padded,
      .keys = scratch + plan.keys,
      .values = scratch + plan.values,
      .queries = scratch + plan.queries,
      .weights = scratch + plan.weights,
      .segment = scratch + plan.segment,
      .total = scratch + plan.total,
      .segment_max = scratch + plan.softmax,
      .segment_sum = scratch + plan.softmax + kBlockRows,
      .total_max = scratch + plan.softmax + 2 * kBlockRows,
      .total_sum = scratch + plan.softmax + 3 * kBlockRows,
      .position = {},
  };
  for (size_t row = 0; row < block.n_rows; ++row) {
    block.position[row] = work.rows->first_position + work.token + row / work.n_heads;
  }
  if (layout.type == KvType::kF32) {
    ReadQueries<F32Cells>(args, work, block);
    AttendBlock<F32Cells>(block);
  } else {
    ReadQueries<FastCells>(args, work, block);
    AttendBlock<FastCells>(block);
  }
  WriteOutputs(args, work, block);
}

/// The share [begin, end) of the work of one step, counted in key tiles.
struct CostShare {
  size_t begin;
  size_t end;
  size_t at = 0;  ///< of the next work in the enumeration
};

/// Tiles that one head of these tokens reads, an estimate of its time.
inline size_t CostOfHead(const SequenceRows& rows, size_t token, size_t n_tokens, size_t window) {
  const size_t end = rows.first_position + token + n_tokens;
  const size_t seen = window != 0 && window + n_tokens < end ? window + n_tokens : end;
  return n_tokens * ((seen + kKeyTile - 1) / kKeyTile + 1);
}

inline size_t TokensPerBlock(size_t group) { return group < kBlockRows ? kBlockRows / group : 1; }

/// Runs those of a group's heads whose cost begins inside the share.
inline void RunHeads(const AttentionArgs& args, Work work, size_t group, CostShare* share,
                     float* scratch) {
  const size_t cost = CostOfHead(*work.rows, work.token, work.n_tokens, args.window);
  const auto heads_before = [&](size_t limit) {
    const size_t n = limit > share->at ? (limit - share->at + cost - 1) / cost : 0;
    return n < group ? n : group;
  };
  size_t head = heads_before(share->begin);
  const size_t last = heads_before(share->end);
  const size_t first_head = work.head;
  const size_t most = kBlockRows / work.n_tokens;
  while (head < last) {
    work.head = first_head + head;
    work.n_heads = last - head < most ? last - head : most;
    RunWork(args, work, scratch);
    head += work.n_heads;
  }
  share->at += cost * group;
}

/// Threads share the (sequence, kv head, block of tokens, query head) tuples in contiguous runs of
/// about equal cost, so that one sequence with three kv heads keeps two threads equally busy.
inline void Attend(const AttentionArgs& args, std::byte* scratch_bytes, size_t thread,
                   size_t n_threads) {
  // A cache line's alignment; AttentionScratchBytes() has the room.
  const uintptr_t address = reinterpret_cast<uintptr_t>(scratch_bytes);
  float* scratch = reinterpret_cast<float*>((address + 63) / 64 * 64);
  const SequenceRows* sequences = args.sequences.data();
  const size_t n_sequences = args.sequences.size();

  size_t total = 0;
  for (size_t s = 0; s < n_sequences; ++s) {
    const SequenceRows& rows = sequences[s];
    const size_t step = TokensPerBlock(args.n_heads / rows.layout.n_kv_heads);
    for (size_t token = 0; token < rows.n_rows; token += step) {
      const size_t n_tokens = rows.n_rows - token < step ? rows.n_rows - token : step;
      total += args.n_heads * CostOfHead(rows, token, n_tokens, args.window);
    }
  }
  CostShare share{total * thread / n_threads, total * (thread + 1) / n_threads};

  for (size_t s = 0; s < n_sequences; ++s) {
    const SequenceRows& rows = sequences[s];
    const size_t group = args.n_heads / rows.layout.n_kv_heads;
    const size_t step = TokensPerBlock(group);
    for (size_t kv_head = 0; kv_head < rows.layout.n_kv_heads; ++kv_head) {
      for (size_t token = 0; token < rows.n_rows; token += step) {
        const size_t n_tokens = rows.n_rows - token < step ? rows.n_rows - token : step;
        RunHeads(args, {&rows, token, n_tokens, kv_head * group, 0}, group, &share, scratch);
      }
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
