// SPDX-License-Identifier: Apache-2.0

// The errors (q - target) H (q - target)^T of some rows q while their columns move, by their
// gradients.
//
// Columns move panel by panel. Within the open panel a gradient is always that of the row as it is;
// the columns outside learn of all moves when it is closed, all rows by one product, so that H is
// read once for many rows instead of once for each.

#pragma once

#include <span>
#include <vector>

#include "compress/second_order.h"
#include "kernels/kernel_table.h"

namespace altteul::compress {

/// Neighbouring columns.
struct Panel {
  size_t first = 0, cols = 0;
  size_t end() const { return first + cols; }
};

/// The columns [0, n) in panels of whole blocks: wide enough that most work is in products, narrow
/// enough that a panel's part of H is in cache.
std::vector<Panel> PanelsOf(size_t n, size_t block_cols);

/// y += factor * rows, the first of which begins at x, the next `stride` behind it.
void AddRows(const kernels::KernelTable& kernels, std::span<const float> factor, const float* x,
             size_t stride, std::span<float> y);

class RowErrors {
 public:
  /// @param metric  outlives this
  RowErrors(const Metric& metric, const kernels::KernelTable& kernels)
      : metric_(metric), kernels_(kernels) {}

  /// @param targets, values  [n_rows, n]
  void Start(size_t n_rows, std::span<const float> targets, std::span<const float> values);

  void Open(const Panel& panel);
  /// @param also_before  whether gradients before the panel will be needed again
  void Close(bool also_before);

  /// The row that everything below is about.
  void Choose(size_t row) { row_ = row; }

  float value(size_t column) const { return values_[row_ * metric_.n + column]; }
  /// H (q - target), half of the error's derivative by the column. @pre the column's panel is open
  float gradient(size_t column) const { return gradients_[row_ * metric_.n + column]; }

  /// How the error changes when columns move by `step` times a direction.
  struct Parabola {
    double slope, curvature;
    double Change(double step) const { return step * (2 * slope + step * curvature); }
  };
  /// @param direction  of the columns from `first` on, all in the open panel
  Parabola Along(size_t first, std::span<const float> direction);

  /// The columns from `first` on, all in the open panel, are `now`.
  void Move(size_t first, std::span<const float> now);

 private:
  void AddMoves(size_t first, size_t end);

  const Metric& metric_;
  const kernels::KernelTable& kernels_;
  size_t n_rows_ = 0, row_ = 0;
  Panel panel_;
  std::vector<float> values_, gradients_;  // [n_rows, n]
  std::vector<float> moved_;               // [n_rows, panel]: by how much since it was opened
  std::vector<float> scratch_;
};

}  // namespace altteul::compress
