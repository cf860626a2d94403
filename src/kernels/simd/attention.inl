// SPDX-License-Identifier: Apache-2.0

// The attention step: how blocks of rows (attention_block.inl) are shared among threads. Include
// after float_avx512.h or its twins.
//
// Threads share (sequence, kv head, block of tokens, query head) tuples. Where rows are few and
// contexts long that would leave threads idle, so there they share segments of 512 keys, leave the
// sums of each in memory, and MergeSegments() folds them in the order that a single thread would.

#pragma once

#include "kernels/simd/attention_q8.inl"

namespace altteul::kernels {
namespace {

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

template <>
inline void ReadQuery<Q8Cells>(const float* q, size_t n, float* cells) {
  QuantizeQuery(q, n, cells);
}

/// Query head `head` of a token of the pass, counted over all sequences.
inline size_t HeadIndex(const AttentionArgs& args, const Work& work, size_t row) {
  const size_t token = work.rows->first_row + work.token + row / work.n_heads;
  return token * args.n_heads + work.head + row % work.n_heads;
}

template <class Cells>
inline void ReadQueries(const AttentionArgs& args, const Work& work, const Block& block) {
  const size_t n = block.head.head_dim;
  for (size_t row = 0; row < block.n_rows; ++row) {
    const float* q = args.q + HeadIndex(args, work, row) * n;
    float turned[kMostTurned];
    if (work.rows->layout.is_turned()) q = Turned(q, n, turned);
    ReadQuery<Cells>(q, n, block.queries + row * block.padded);
  }
}

inline void WriteRowSums(const AttentionArgs& args, size_t head_index, float max, float sum) {
  if (args.row_sums == nullptr) return;
  args.row_sums[2 * head_index] = max;
  args.row_sums[2 * head_index + 1] = sum;
}

inline void WriteOutputs(const AttentionArgs& args, const Work& work, const Block& block) {
  const size_t n = block.head.head_dim;
  for (size_t row = 0; row < block.n_rows; ++row) {
    const size_t head_index = HeadIndex(args, work, row);
    WriteRowSums(args, head_index, block.total_max[row], block.total_sum[row]);
    float* out = args.out + head_index * n;
    const float* total = block.total + row * block.padded;
    const Vec sum = Set1(block.total_sum[row]);
    size_t d = 0;
    for (; d + kLanes <= n; d += kLanes) Store(out + d, Div(Load(total + d), sum));
    if (d < n) StorePart(out + d, Div(Load(total + d), sum), n - d);
    if (work.rows->layout.is_turned()) HadamardTurn(out, n);
  }
}

/// Where the sums of one segment of a head go: [padded] outputs, then its maximum and its weights.
inline float* SumsOf(const AttentionArgs& args, size_t head_dim, size_t head_index,
                     size_t segment) {
  const size_t at = head_index * args.sums.n_segments + segment / kKeySegment;
  return args.sums.data + at * SegmentSums::StrideOf(head_dim);
}

inline void WriteSums(const AttentionArgs& args, const Work& work, const Block& block,
                      size_t segment) {
  for (size_t row = 0; row < block.n_rows; ++row) {
    float* sums = SumsOf(args, block.head.head_dim, HeadIndex(args, work, row), segment);
    for (size_t d = 0; d < block.padded; d += kLanes) {
      Store(sums + d, Load(block.segment + row * block.padded + d));
    }
    sums[block.padded] = block.segment_max[row];
    sums[block.padded + 1] = block.segment_sum[row];
  }
}

constexpr size_t kAllSegments = ~size_t{0};

/// One block over all that it sees, or over the segment at position `segment`.
template <class Cells>
inline void RunCells(const AttentionArgs& args, const Work& work, const Block& block,
                     size_t segment) {
  ReadQueries<Cells>(args, work, block);
  if (segment == kAllSegments) {
    AttendBlock<Cells>(block);
    WriteOutputs(args, work, block);
  } else {
    AttendSegment<Cells>(block, segment);
    WriteSums(args, work, block, segment);
  }
}

/// After a segment most likely comes the next one, after a whole block the next kv head. Only a
/// prefetch: behind the last head lies whatever a page has there.
inline HeadTile TileBehind(const AttentionArgs& args, const Work& work, const Block& block,
                           size_t segment) {
  if (segment == kAllSegments) {
    const size_t kv_head = work.head / (args.n_heads / work.rows->layout.n_kv_heads);
    return TileOf(HeadOf(*work.rows, kv_head + 1), FirstKey(block, block.position[0]));
  }
  const size_t next = segment + kKeySegment;
  const size_t last = block.position[block.n_rows - 1];
  return TileOf(block.head, next <= last ? next : last);
}

inline void RunWork(const AttentionArgs& args, const Work& work, size_t segment, float* scratch) {
  const KvLayout& layout = work.rows->layout;
  const ScratchPlan plan = PlanScratch(layout.head_dim);
  Block block = {
      .head = HeadOf(*work.rows, work.head / (args.n_heads / layout.n_kv_heads)),
      .n_rows = work.n_tokens * work.n_heads,
      .window = args.window,
      .scale = args.scale,
      .softcap = args.softcap,
      .next = {},
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
  block.next = TileBehind(args, work, block, segment);
  if (layout.type == KvType::kF32) {
    RunCells<F32Cells>(args, work, block, segment);
  } else if (layout.type == KvType::kQ8_0) {
    RunCells<Q8Cells>(args, work, block, segment);
  } else {
    RunCells<FastCells>(args, work, block, segment);
  }
}

// --- sharing -----------------------------------------------------------------------------------

/// The share [begin, end) of the work of one step, counted in key tiles.
struct CostShare {
  size_t begin;
  size_t end;
  size_t at = 0;  ///< of the next work in the enumeration
};

/// Tiles that the tokens of `work` read of the keys [start, start + length), an estimate of the
/// time that one head takes.
inline size_t CostOfHead(const AttentionArgs& args, const Work& work, size_t start, size_t length) {
  const size_t position = work.rows->first_position + work.token;
  const size_t first = args.window == 0 || position < args.window ? 0 : position - args.window + 1;
  const size_t end =
      position + work.n_tokens < start + length ? position + work.n_tokens : start + length;
  const size_t from = first > start ? first : start;
  return work.n_tokens * ((end - from + kKeyTile - 1) / kKeyTile + 1);
}

/// Runs those of a group's heads whose middle lies in the share, all that they see.
inline void RunHeads(const AttentionArgs& args, Work work, CostShare* share, float* scratch) {
  const size_t group = work.n_heads;
  const size_t cost = CostOfHead(args, work, 0, work.rows->first_position + work.rows->n_rows);
  const auto heads_before = [&](size_t limit) {
    const size_t middle = share->at + cost / 2;  // of the first head
    const size_t n = limit > middle ? (limit - middle + cost - 1) / cost : 0;
    return n < group ? n : group;
  };
  size_t head = heads_before(share->begin);
  const size_t last = heads_before(share->end);
  const size_t first_head = work.head;
  const size_t most = kBlockRows / work.n_tokens;
  while (head < last) {
    work.head = first_head + head;
    work.n_heads = last - head < most ? last - head : most;
    RunWork(args, work, kAllSegments, scratch);
    head += work.n_heads;
  }
  share->at += cost * group;
}

/// Runs those segments of a group's heads whose middle lies in the share.
inline void RunSegments(const AttentionArgs& args, Work work, CostShare* share, float* scratch) {
  const size_t group = work.n_heads;
  const size_t first_head = work.head;
  const size_t position = work.rows->first_position + work.token;
  const size_t first = args.window == 0 || position < args.window ? 0 : position - args.window + 1;
  const size_t most = kBlockRows / work.n_tokens;
  for (size_t segment = first / kKeySegment * kKeySegment; segment < position + work.n_tokens;
       segment += kKeySegment) {
    const size_t cost = group * CostOfHead(args, work, segment, kKeySegment);
    const size_t middle = share->at + cost / 2;
    const bool is_mine = share->begin <= middle && middle < share->end;
    for (size_t head = 0; is_mine && head < group; head += work.n_heads) {
      work.head = first_head + head;
      work.n_heads = group - head < most ? group - head : most;
      RunWork(args, work, segment, scratch);
    }
    share->at += cost;
  }
}

/// Calls run(work, share) for every block of tokens that share a kv head, all its query heads.
template <class Run>
inline void ForEachBlock(const AttentionArgs& args, CostShare* share, const Run& run) {
  for (size_t s = 0; s < args.sequences.size(); ++s) {
    const SequenceRows& rows = args.sequences.data()[s];
    const size_t group = args.n_heads / rows.layout.n_kv_heads;
    const size_t step = group < kBlockRows ? kBlockRows / group : 1;
    for (size_t kv_head = 0; kv_head < rows.layout.n_kv_heads; ++kv_head) {
      for (size_t token = 0; token < rows.n_rows; token += step) {
        const size_t n_tokens = rows.n_rows - token < step ? rows.n_rows - token : step;
        run({&rows, token, n_tokens, kv_head * group, group}, share);
      }
    }
  }
}

/// Threads share heads, or segments, in contiguous runs of about equal cost, so that one sequence
/// with three kv heads keeps two threads equally busy.
inline void Attend(const AttentionArgs& args, std::byte* scratch_bytes, size_t thread,
                   size_t n_threads) {
  // A cache line's alignment; AttentionScratchBytes() has the room.
  const size_t to_line = -reinterpret_cast<uintptr_t>(scratch_bytes) % 64;
  float* scratch = reinterpret_cast<float*>(scratch_bytes + to_line);
  const auto run = [&](const Work& work, CostShare* share) {
    if (args.sums.data != nullptr) return RunSegments(args, work, share, scratch);
    RunHeads(args, work, share, scratch);
  };
  CostShare all{0, 0};  // an empty share only counts
  ForEachBlock(args, &all, run);
  CostShare share{all.at * thread / n_threads, all.at * (thread + 1) / n_threads};
  ForEachBlock(args, &share, run);
}

/// The output of one head from the sums of its segments, as AttendBlock() and WriteOutputs() would.
inline void MergeHead(const AttentionArgs& args, const SequenceRows& rows, size_t position,
                      size_t head_index) {
  const size_t n = rows.layout.head_dim;
  const size_t padded = (n + 15) / 16 * 16;
  const size_t first = args.window == 0 || position < args.window ? 0 : position - args.window + 1;
  const size_t first_segment = first / kKeySegment * kKeySegment;
  for (size_t d = 0; d < n; d += kLanes) {  // the merge itself is cheap enough to be repeated
    Vec total = Zero();
    float total_max = kMinusInfinity;
    float total_sum = 0.0f;
    for (size_t segment = first_segment; segment <= position; segment += kKeySegment) {
      const float* sums = SumsOf(args, n, head_index, segment);
      const SegmentMerge merge(&total_max, sums[padded]);
      total_sum = merge.Of(total_sum, sums[padded + 1]);
      total = merge.Of(total, Load(sums + d));
    }
    if (d == 0) WriteRowSums(args, head_index, total_max, total_sum);
    const Vec out = Div(total, Set1(total_sum));
    float* to = args.out + head_index * n + d;
    if (d + kLanes <= n) {
      Store(to, out);
    } else {
      StorePart(to, out, n - d);
    }
  }
  if (rows.layout.is_turned()) HadamardTurn(args.out + head_index * n, n);
}

/// Threads share rows as other row steps do.
inline void MergeSegments(const AttentionArgs& args, size_t thread, size_t n_threads) {
  if (args.sums.data == nullptr) return;
  size_t n_rows = 0;
  for (size_t s = 0; s < args.sequences.size(); ++s) n_rows += args.sequences.data()[s].n_rows;
  const size_t begin = n_rows * thread / n_threads;
  const size_t end = n_rows * (thread + 1) / n_threads;
  for (size_t s = 0; s < args.sequences.size(); ++s) {
    const SequenceRows& rows = args.sequences.data()[s];
    for (size_t row = 0; row < rows.n_rows; ++row) {
      const size_t at = rows.first_row + row;
      if (at < begin || at >= end) continue;
      for (size_t head = 0; head < args.n_heads; ++head) {
        MergeHead(args, rows, rows.first_position + row, at * args.n_heads + head);
      }
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
