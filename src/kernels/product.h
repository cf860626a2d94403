// SPDX-License-Identifier: Apache-2.0

// Products of f32 matrices that are parts of larger ones: what encoding weights is made of.

#pragma once

#include <cstddef>

namespace altteul::kernels {

/// y += a x, or a x^T where x is turned. An output is one chain of fused multiply-adds over the
/// columns of `a`, ascending (the reference rounds twice a step), so that it is the same number
/// however rows, outputs and columns are cut into calls.
struct AddProductArgs {
  const float* a = nullptr;  ///< [n_rows, a_stride], of which `depth` columns are read
  size_t a_stride = 0;       ///< in floats, as all strides
  const float* x = nullptr;  ///< [depth, x_stride]; turned: [width, x_stride]
  size_t x_stride = 0;
  bool x_is_turned = false;
  size_t n_rows = 0;
  size_t depth = 0;
  size_t width = 0;    ///< outputs of a row
  float* y = nullptr;  ///< [n_rows, y_stride], overlaps neither a nor x
  size_t y_stride = 0;
};

}  // namespace altteul::kernels
