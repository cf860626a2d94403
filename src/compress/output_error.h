// SPDX-License-Identifier: Apache-2.0

// How much of what comes out of a tensor is lost in a type: the error that each type would make,
// known from some rows.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "compress/encoded_tensor.h"
#include "compress/second_order.h"
#include "compute/compute.h"
#include "tensor/tensor_view.h"

namespace altteul::compress {

struct TypeCost {
  DType type = DType::kF32;
  uint64_t bytes = 0;
  double error = 0;  ///< mean square of the output's error as a part of the output's own
  double kl = 0;     ///< expected KL divergence [nats a token] with this tensor alone in this type
};

/// Rows that stand for all of a tensor are spread evenly. The metric is that of the inputs, and
/// null for a table that is looked up in.
class OutputError {
 public:
  /// @param weights_sampled  of each tensor, at least a few whole rows
  OutputError(size_t weights_sampled, compute::Compute& compute)
      : weights_sampled_(weights_sampled), compute_(compute) {}

  size_t RowsSampled(const Shape& shape) const;

  /// For each type, all but `kl`.
  std::vector<TypeCost> Sample(const TensorView& tensor, std::span<const DType> types,
                               const Metric* metric) const;

  /// TypeCost::error of a tensor that was encoded.
  double Of(const TensorView& tensor, const EncodedTensor& encoded, const Metric* metric) const;

 private:
  size_t weights_sampled_;
  compute::Compute& compute_;
};

}  // namespace altteul::compress
