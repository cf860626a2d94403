// All rows of a tensor in another type, threads sharing them.

#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_team.h"
#include "compress/row_encoder.h"
#include "compress/second_order.h"
#include "kernels/kernel_table.h"
#include "tensor/tensor_view.h"

namespace altteul::compress {

struct TensorEncoding {
  DType type = DType::kQ8_0;         ///< CanEncode()
  const Metric* metric = nullptr;    ///< of the layer's inputs
  const Moments* moments = nullptr;  ///< with cross sums: rows move to their target first
  double damping = 0;                ///< that of the metric
  EncodeSteps steps;
};

/// The same input gives the same bytes, whatever the number of threads.
std::vector<std::byte> EncodeTensor(const TensorView& tensor, const TensorEncoding& encoding,
                                    const kernels::KernelTable& kernels, ThreadTeam& team);

}  // namespace altteul::compress
