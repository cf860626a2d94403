// SPDX-License-Identifier: Apache-2.0

// The turn of a head's keys, values and queries that a q4_0 cache needs (attention.h). Plain loops
// in an anonymous namespace, see float_avx512.h.

#pragma once

#include <cstddef>

namespace altteul::kernels {
namespace {

using TurnRow = float __attribute__((vector_size(64)));
using TurnLanes = int __attribute__((vector_size(64)));

/// In each run of 2 * kStep of the 16: the sums of places kStep apart, then their differences.
template <int kStep>
inline void TurnStep(TurnRow& row) {
  constexpr TurnLanes kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  constexpr int k = kStep;  // each place by name: it is the form that GCC and Clang both know
  const TurnRow other =
      __builtin_shufflevector(row, row, 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k,
                              8 ^ k, 9 ^ k, 10 ^ k, 11 ^ k, 12 ^ k, 13 ^ k, 14 ^ k, 15 ^ k);
  // The sign of the second places turns: a difference is a sum, and no place needs a choice.
  const TurnLanes signs = ((kLane & kStep) != 0) & static_cast<int>(0x80000000u);
  row = other + reinterpret_cast<TurnRow>(reinterpret_cast<TurnLanes>(row) ^ signs);
}

/// x := H x for each run of `width` floats of x, where width is the largest power of two that
/// divides n and H is the Walsh-Hadamard matrix over sqrt(width): orthogonal and its own inverse,
/// so products of two turned vectors are those of the vectors. It spreads an outlier over the whole
/// run. Each sum is the same tree of f32 additions on every instruction set.
/// @pre n is a multiple of 16
inline void HadamardTurn(float* x, size_t n) {
  const size_t width = n & (~n + 1);
  float factor = 1.0f;
  for (size_t w = width; w > 1; w /= 4) factor *= w == 2 ? 0x1.6a09e6p-1f : 0.5f;

  for (size_t at = 0; at < n; at += 16) {  // sums of places that differ in the lower four bits
    TurnRow row;
    __builtin_memcpy(&row, x + at, sizeof row);
    TurnStep<1>(row);
    TurnStep<2>(row);
    TurnStep<4>(row);
    TurnStep<8>(row);
    row *= factor;
    __builtin_memcpy(x + at, &row, sizeof row);
  }
  for (size_t step = 16; step < width; step *= 2) {
    for (size_t at = 0; at < n; at += 16) {
      if ((at & step) != 0) continue;
      TurnRow a, b;
      __builtin_memcpy(&a, x + at, sizeof a);
      __builtin_memcpy(&b, x + at + step, sizeof b);
      const TurnRow sum = a + b;
      const TurnRow difference = a - b;
      __builtin_memcpy(x + at, &sum, sizeof sum);
      __builtin_memcpy(x + at + step, &difference, sizeof difference);
    }
  }
}

/// Fills out [n] with the turned x [n] and returns it.
inline const float* Turned(const float* x, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] = x[i];
  HadamardTurn(out, n);
  return out;
}

}  // namespace
}  // namespace altteul::kernels
