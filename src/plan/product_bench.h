// SPDX-License-Identifier: Apache-2.0

// How long products with weights take, alone: no attention, no norms. Activations are prepared
// before the clock starts.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "tensor/buffer.h"

namespace altteul::plan {

class ProductBench {
 public:
  /// @param compute, clock  must outlive the result
  /// @param n_rows  of activations
  /// @param cols, out_rows  of the widest matrix
  /// @return kOutOfMemory
  static Result<ProductBench> Create(compute::Compute& compute, const Clock& clock, size_t n_rows,
                                     size_t cols, size_t out_rows);

  /// Seconds of each of `sweeps` sweeps over the matrices, one after another with a barrier behind
  /// each. What the first one finds in no cache yet is in its time.
  /// @pre all have the same number of columns
  std::vector<double> Seconds(std::span<const kernels::WeightMatrix* const> matrices,
                              int sweeps) const;

 private:
  ProductBench(compute::Compute& compute, const Clock& clock)
      : compute_(&compute), clock_(&clock) {}
  std::span<std::byte> Scratch(int thread) const {
    return {scratch_ + static_cast<size_t>(thread) * scratch_bytes_, scratch_bytes_};
  }

  compute::Compute* compute_;
  const Clock* clock_;
  Buffer memory_;
  kernels::PreparedRows rows_;  // of the widest matrix
  float* out_ = nullptr;
  std::byte* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

}  // namespace altteul::plan
