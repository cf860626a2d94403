// SPDX-License-Identifier: Apache-2.0

// y = W x in plain loops, templated over the scalar that sums: float is what the reference table
// runs, double is the oracle of the tests.

#pragma once

#include <algorithm>
#include <span>

#include "base/check.h"
#include "base/thread_team.h"
#include "kernels/codecs/codec.h"
#include "kernels/linear.h"
#include "kernels/reference/dot_panel.inl"

namespace altteul::kernels {

/// Decodes rows [row, row + 16) of a matrix at rest in file order into panel [cols][16], so that 16
/// neighbouring outputs stand side by side. Rows past the end are zero.
/// @param scratch  [cols] floats for one row
inline void DecodePanel16(const WeightMatrix& w, size_t row, float* panel, float* scratch) {
  const Codec& codec = *FindCodec(w.type);
  const size_t row_bytes = *RowBytes(w.type, w.cols);
  for (size_t r = 0; r < kGroupRows; ++r) {
    if (row + r < w.rows) {
      codec.decode(w.data + (row + r) * row_bytes, w.cols, scratch);
    } else {
      std::fill_n(scratch, w.cols, 0.0f);
    }
    for (size_t c = 0; c < w.cols; ++c) panel[c * kGroupRows + r] = scratch[c];
  }
}

template <typename Scalar>
void LinearPlain(const LinearArgs& args, std::span<std::byte> scratch, int thread, int n_threads) {
  const WeightMatrix& w = *args.w;
  ALT_CHECK(w.form == RestForm::kFileRows && scratch.size() >= LinearScratchBytes(w.cols));
  float* panel = reinterpret_cast<float*>(scratch.data());  // [cols, 16]
  float* row_values = panel + w.cols * kGroupRows;          // [cols]

  const Share share = ShareOf(w.rows, kShareOutputs, thread, n_threads);
  for (size_t row = share.begin; row < share.end; row += kGroupRows) {
    DecodePanel16(w, row, panel, row_values);
    const size_t n_rows = std::min(kGroupRows, w.rows - row);
    for (size_t token = 0; token < args.x->n_rows; ++token) {
      const float* x = args.x->f32 + token * w.cols;
      Scalar sums[kGroupRows];
      DotPanel16(panel, x, w.cols, sums);
      float* out = args.out + token * args.out_stride + row;
      for (size_t r = 0; r < n_rows; ++r) {
        float y = static_cast<float>(sums[r]);
        if (args.bias != nullptr) y += args.bias[row + r];
        out[r] = args.add_to_out ? out[r] + y : y;
      }
    }
  }
}

}  // namespace altteul::kernels
