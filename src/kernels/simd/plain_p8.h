// SPDX-License-Identifier: Apache-2.0

// Test support: weights of every type with a P8 kernel, random and parsed, and their product in
// plain loops that follow kernels/linear.h step by step.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/linear.h"
#include "tensor/dtype.h"

namespace altteul::kernels {

/// The types that both instruction sets compute in P8.
std::span<const DType> P8Types();

/// Rows of random blocks. The first three rows have codes of one byte each (0x80, 0xff, 0): the
/// extremes of every type. One scale in 16 is zero, subnormal, negative or the largest.
std::vector<std::byte> RandomQuantizedRows(DType type, size_t rows, size_t cols);

/// A P8 weight matrix: w = scale * code + min.
struct PlainP8 {
  size_t rows, cols, scale_cols;
  bool has_min;
  std::vector<int16_t> codes;  // [rows, cols], bias already taken off
  std::vector<float> scales;   // [rows, cols / scale_cols]
  std::vector<float> mins;     // as many
};

/// Rows in the file's order -> codes, scales and minimums, as the formats' pages define them. A
/// test fails where codec decode says otherwise.
PlainP8 ParseP8(DType type, const std::vector<std::byte>& file, size_t rows, size_t cols);

/// [x.n_rows, w.rows]
std::vector<float> PlainProductP8(const PlainP8& w, const PreparedRows& x);

}  // namespace altteul::kernels
