// SPDX-License-Identifier: Apache-2.0

// A linear layer, by the address of its matrix: only a compute looks behind that.

#pragma once

#include <cstddef>

#include "base/check.h"
#include "kernels/linear.h"

namespace altteul::compute {

using kernels::WeightMatrix;

/// y = W x + bias.
struct Linear {
  WeightMatrix w;
  const float* bias = nullptr;  ///< [w.rows]; null where there is none

  /// Only rows as a file has them can be cut anywhere.
  bool can_be_cut() const { return w.form == kernels::RestForm::kFileRows; }
  /// Rows [first, first + n) of the layer. @pre can_be_cut()
  Linear RowsFrom(size_t first, size_t n) const {
    ALT_CHECK(can_be_cut() && first + n <= w.rows);
    Linear part = *this;
    part.w.rows = n;
    part.w.data += first * *RowBytes(w.type, w.cols);
    if (part.bias != nullptr) part.bias += first;
    return part;
  }
};

}  // namespace altteul::compute
