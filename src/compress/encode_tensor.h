// SPDX-License-Identifier: Apache-2.0

// All rows of a tensor in another type, threads sharing them; slice by slice, so that neither what
// is read nor what is written needs to be in memory whole.

#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/row_encoder.h"
#include "compress/second_order.h"
#include "compute/compute.h"
#include "tensor/tensor_view.h"

namespace altteul::compress {

/// Rows that move to their target and are encoded together: what they share of H is read once.
inline constexpr size_t kRowsAtOnce = 48;

/// The first rows of a tensor, as many as a team of `n_threads` needs to tell the time of all.
TensorView SampleOf(const TensorView& tensor, int n_threads);

struct TensorEncoding {
  DType type = DType::kQ8_0;       ///< CanEncode()
  const Metric* metric = nullptr;  ///< of the layer's inputs; rows move to its targets first
  EncodeSteps steps;
};

/// Told that rows [first, first + n) are done, whose pages can go; an error ends the work.
using RowsDone = std::function<Status(size_t first, size_t n)>;

/// The same input gives the same bytes, whatever the number of threads.
/// @param out  RowBytes(encoding.type, cols) for each row
Status EncodeTensor(const TensorView& tensor, const TensorEncoding& encoding,
                    std::span<std::byte> out, compute::Compute& compute, const RowsDone& done);

/// Rows moved to their targets, but not encoded: f32, [rows, cols].
Status MoveTensor(const TensorView& tensor, const Metric& metric, std::span<float> out,
                  compute::Compute& compute, const RowsDone& done);

}  // namespace altteul::compress
