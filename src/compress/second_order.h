// SPDX-License-Identifier: Apache-2.0

// What calibration knows of a layer's inputs, in the forms that encoding needs.
//
// With X the inputs [n, tokens] that the layer will see and X0 those that its original saw, an
// encoded row q of an original row w should minimize |q X - w X0|^2. Damped with a diagonal D, the
// minimum without any code is target = w (X0 X^T + D)(X X^T + D)^-1, and what codes cost is
// (q - target) H (q - target)^T with H = X X^T + D. (GPTQ, arXiv 2210.17323; targets from the
// original's inputs: GPTAQ, arXiv 2504.02692.)
//
// D is a part of the mean of the diagonal, the same for all columns as in GPTQ, and a part of each
// column's own: what text of this length shows of how two columns go together is less certain than
// how large each is, so that all correlations are taken for a little smaller than they were seen.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/square_matrix.h"
#include "compute/compute.h"

namespace altteul::compress {

/// Sums over the calibration tokens of one group of layers that read the same input.
struct Moments {
  size_t n = 0;  ///< columns
  double tokens = 0;
  SquareMatrix own;    ///< X X^T
  SquareMatrix cross;  ///< X0 X^T, row = column of the original's input; may be empty
};

/// H, the factor of its inverse, and what leads to targets.
struct Metric {
  size_t n = 0;
  std::vector<float> damping;  ///< D [n]
  SquareMatrix h;              ///< X X^T / tokens + D
  SquareMatrix factor;         ///< upper triangular U with H^-1 = U^T U
  SquareMatrix cross;          ///< X0 X^T / tokens + D; empty where rows are their own target

  /// Behind the last MoveToTarget(): forgets `cross`, and takes `h` into memory where it rests on
  /// the disk.
  /// @return kOutOfMemory
  Status ForgetTargets();
};

/// Works in the moments' memory; the same bits on any number of threads. With cross sums, a large
/// `h` rests on the disk until ForgetTargets(), so that no more than two matrices of a layer are in
/// memory at any time.
/// @param damping  as a part of the diagonal's mean; of each column's own it is three times as
///                 much. Positive.
/// @param work     may be null: then three are
/// @return kCorruptFile when the sums are not finite, kOutOfMemory, kIoError
Result<Metric> MakeMetric(Moments moments, double damping, compute::Compute& compute,
                          const WorkFolder* work = nullptr);

/// What an error of each column costs on its own: with feedback err^2 / U_jj^2, because later
/// columns make up for it, else err^2 * H_jj. [n]
std::vector<float> ColumnImportance(const Metric& metric, bool feedback);

/// U as in Metric, for the columns [first, first + count) alone, all others held. [count, count]
std::vector<float> FactorOfColumns(const Metric& metric, size_t first, size_t count);

/// Moves `rows` [n_rows, n] in place to the target for the inputs that the layer will see. Nothing
/// moves where there were no cross sums.
void MoveToTarget(const Metric& metric, const kernels::KernelTable& kernels, size_t n_rows,
                  std::span<float> rows);

}  // namespace altteul::compress
