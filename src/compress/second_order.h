// What calibration knows of a layer's inputs, in the forms that encoding needs.
//
// With X the inputs [n, tokens] that the layer will see and X0 those that its original saw, an
// encoded row q of an original row w should minimize |q X - w X0|^2. Damped with lambda, the
// minimum without any code is target = w (X0 X^T + lambda)(X X^T + lambda)^-1, and what codes cost
// is (q - target) H (q - target)^T with H = X X^T + lambda. (GPTQ, arXiv 2210.17323; targets from
// the original's inputs: GPTAQ, arXiv 2504.02692.)

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"

namespace altteul::compress {

/// Sums over the calibration tokens of one group of layers that read the same input.
struct Moments {
  size_t n = 0;  ///< columns
  double tokens = 0;
  std::vector<float> own;    ///< [n, n] X X^T
  std::vector<float> cross;  ///< [n, n] X0 X^T, row = column of the original's input; may be empty
};

/// H and the factor of its inverse, both row-major [n, n].
struct Metric {
  size_t n = 0;
  std::vector<float> h;       ///< X X^T / tokens + lambda
  std::vector<float> factor;  ///< upper triangular U with H^-1 = U^T U
};

/// @param damping  lambda as a part of the mean of the diagonal, positive
/// @return kCorruptFile when the sums are not finite
Result<Metric> MakeMetric(const Moments& moments, double damping);

/// What an error of each column costs on its own: with feedback err^2 / U_jj^2, because later
/// columns make up for it, else err^2 * H_jj. [n]
std::vector<float> ColumnImportance(const Metric& metric, bool feedback);

/// U as in Metric, for the columns [first, first + count) alone, all others held. [count, count]
std::vector<float> FactorOfColumns(const Metric& metric, size_t first, size_t count);

/// Moves `rows` [n_rows, n] in place to the target for the inputs that the layer will see. Nothing
/// moves where the moments have no cross sums.
void MoveToTarget(const Moments& moments, const Metric& metric, double damping, size_t n_rows,
                  std::span<float> rows);

}  // namespace altteul::compress
