// SPDX-License-Identifier: Apache-2.0

// Sixteen dot products side by side, the one inner loop of the reference kernels: rows of weights
// in a linear map, keys in attention.

#pragma once

#include <cstddef>
#include <cstring>

namespace altteul::kernels {

inline constexpr size_t kPanelRows = 16;

/// sums[r] = panel[0][r] * x[0] + panel[1][r] * x[1] + ..., each product rounded, then each sum,
/// columns ascending. Four named vectors of four rows, because a compiler keeps those in registers
/// and leaves an array of 16 sums in memory, where every column waits for a store to be read back.
/// @param panel  [cols, 16]
/// @param sums   [16]
template <typename Scalar>
void DotPanel16(const float* panel, const float* x, size_t cols, Scalar* sums) {
  constexpr size_t kLanes = 4;
  using Rows [[gnu::vector_size(kLanes * sizeof(Scalar))]] = Scalar;
  using Floats [[gnu::vector_size(kLanes * sizeof(float))]] = float;
  const auto add = [](Rows& sum, const float* weights, Scalar xc) {
    Floats four;
    std::memcpy(&four, weights, sizeof(four));
    sum += __builtin_convertvector(four, Rows) * xc;
  };
  Rows rows0{}, rows4{}, rows8{}, rows12{};
  for (size_t c = 0; c < cols; ++c, panel += kPanelRows) {
    const Scalar xc = x[c];
    add(rows0, panel, xc);
    add(rows4, panel + 4, xc);
    add(rows8, panel + 8, xc);
    add(rows12, panel + 12, xc);
  }
  std::memcpy(sums, &rows0, sizeof(rows0));
  std::memcpy(sums + 4, &rows4, sizeof(rows4));
  std::memcpy(sums + 8, &rows8, sizeof(rows8));
  std::memcpy(sums + 12, &rows12, sizeof(rows12));
}

}  // namespace altteul::kernels
