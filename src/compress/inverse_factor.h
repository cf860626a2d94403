// SPDX-License-Identifier: Apache-2.0

// The triangular factor U of an inverse, H^-1 = U^T U, and products with it.

#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/square_matrix.h"
#include "compute/compute.h"

namespace altteul::compress {

/// A symmetric h [n, n] -> U, upper triangular, in place. For large matrices: nearly all of it is
/// products, which threads share; the same bits on any number of them.
/// @return kCorruptFile when h is not positive, kOutOfMemory
Status FactorInverse(SquareMatrix& h, compute::Compute& compute);

/// The same for a small one, in f64; false when h is not positive, then h is as it was.
bool FactorInverse(size_t n, std::span<double> h);

/// A matrix, or a part of one, whose rows lie `stride` floats apart.
template <typename Float>
struct RowsOf {
  Float* data;
  size_t stride;
  Float* At(size_t row, size_t col) const { return data + row * stride + col; }
  RowsOf<const float> AsConst() const { return {data, stride}; }
};

enum class Turned : bool { kNo, kYes };

/// out += a u, or a u^T, for an upper triangular u. On the caller's thread.
/// @param a, out  [n_rows, n]
/// @param u       [n, n]
void AddTimesUpper(const kernels::KernelTable& kernels, size_t n_rows, size_t n,
                   RowsOf<const float> a, RowsOf<const float> u, Turned turned, RowsOf<float> out);

}  // namespace altteul::compress
