// SPDX-License-Identifier: Apache-2.0

// How the fast attention kernels divide a thread's scratch. Plain numbers, shared by the kernels
// and by AttentionScratchBytes(); in an anonymous namespace, see float_avx512.h.

#pragma once

#include <cstddef>

#include "kernels/attention.h"

namespace altteul::kernels {
namespace {

/// Rows (a token's head each) that a register tile holds: 6 rows x 4 vectors of sums, 4 of keys and
/// one of a query fill 29 of the 32 registers of AVX-512; 6 x 2 + 2 + 1 fill 15 of AVX2's 16.
constexpr size_t kRowTile = 6;

/// Rows that share one decoded tile of keys and values: decoding 64 keys costs as much as about two
/// rows, so 48 make it 4 %, and all sums of 48 rows at head_dim 128 (48 KiB) stay in the L2 cache.
constexpr size_t kBlockRows = 48;

/// Offsets in floats. head_dim is padded to whole vectors of 16 wherever rows follow each other.
struct ScratchPlan {
  size_t padded;   ///< head_dim rounded up to 16
  size_t keys;     ///< [kKeyTile / 16][head_dim][16]
  size_t values;   ///< [kKeyTile][padded]
  size_t queries;  ///< [kBlockRows][padded]
  size_t weights;  ///< [kRowTile][kKeyTile] scores, then exp(score - max)
  size_t segment;  ///< [kBlockRows][padded] sums of the current segment
  size_t total;    ///< [kBlockRows][padded] merged segments
  size_t softmax;  ///< [4][kBlockRows]: max and sum of the segment, max and sum in total
  size_t n_floats;
};

constexpr ScratchPlan PlanScratch(size_t head_dim) {
  ScratchPlan plan{};
  plan.padded = (head_dim + 15) / 16 * 16;
  plan.values = plan.keys + kKeyTile * head_dim;
  plan.queries = plan.values + kKeyTile * plan.padded;
  plan.weights = plan.queries + kBlockRows * plan.padded;
  plan.segment = plan.weights + kRowTile * kKeyTile;
  plan.total = plan.segment + kBlockRows * plan.padded;
  plan.softmax = plan.total + kBlockRows * plan.padded;
  plan.n_floats = plan.softmax + 4 * kBlockRows;
  return plan;
}

}  // namespace
}  // namespace altteul::kernels
