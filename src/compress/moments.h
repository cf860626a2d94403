// SPDX-License-Identifier: Apache-2.0

// Sums of products of activations, gathered pass by pass on the kernels' products. Where these are
// faster in bf16, activations are rounded to it: far below what damping blurs.

#pragma once

#include <span>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/second_order.h"
#include "compute/compute.h"
#include "tensor/buffer.h"

namespace altteul::compress {

class MomentSums {
 public:
  /// @param most_rows  rows that one Add() takes at most
  /// @param cross      whether sums with the original's inputs are wanted too
  /// @return kOutOfMemory
  static Result<MomentSums> Create(size_t n, size_t most_rows, bool cross,
                                   compute::Compute& compute);

  /// own += rows^T rows, cross += original^T rows. The result does not depend on the threads.
  /// @param rows      [n_rows, n] inputs that the layer will see
  /// @param original  [n_rows, n] those that its original saw; not read without cross sums
  void Add(size_t n_rows, std::span<const float> rows, std::span<const float> original);

  /// What was summed; the rest of the memory is given back.
  Moments Take() &&;

 private:
  explicit MomentSums(compute::Compute& compute) : compute_(&compute) {}

  /// Rows [first_row, last_row) of the sums, from column first_col on.
  struct Panel {
    size_t first_row, last_row, first_col;
  };
  void Touch();
  kernels::PanelKind PanelFor(size_t n_rows) const;
  /// @param turned  [n, n_rows]
  kernels::PreparedRows Prepare(size_t n_rows, const float* turned);
  void AddProduct(const Panel& panel, const kernels::PreparedRows& left, SquareMatrix& sums);

  compute::Compute* compute_;
  Moments moments_;
  Buffer memory_;
  float* turned_ = nullptr;           // [n, n_rows]
  float* turned_original_ = nullptr;  // [n, n_rows]
  uint16_t* half_ = nullptr;          // [n, n_rows], one of them in bf16
  size_t scratch_bytes_ = 0;          // of one thread
  std::byte* scratch_ = nullptr;
};

}  // namespace altteul::compress
