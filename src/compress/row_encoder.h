// SPDX-License-Identifier: Apache-2.0

// Rows of a matrix -> blocks of a type that has fewer bits.

#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "compress/second_order.h"
#include "kernels/kernel_table.h"
#include "tensor/dtype.h"

namespace altteul::compress {

/// Which steps are taken; all of them by default.
struct EncodeSteps {
  bool feedback = true;
  int descents = 3;  ///< sweeps over the codes, from the second on with new scales
};

/// Encodes rows of one length on one thread; make one for each. What a row becomes does not depend
/// on those beside it, so it does not matter who encodes which; many at once take less time each.
class RowEncoder {
 public:
  virtual ~RowEncoder() = default;

  /// @param targets  [n_rows, n] finite values, n a multiple of the type's block
  /// @param out      n_rows times RowBytes(type, n)
  virtual void EncodeRows(std::span<const float> targets, size_t n_rows, std::byte* out) = 0;

  void Encode(std::span<const float> target, std::byte* out) { EncodeRows(target, 1, out); }
};

/// Whether there is a RowEncoder for the type: it rounds each weight for itself (scalar_block.h) or
/// has a codebook (codebook_block.h).
bool CanEncode(DType type);

/// @param metric   of the layer's inputs, outlives the encoder; null: every column counts alike
/// @param kernels  whose add_product does the sums
/// @pre CanEncode(type)
std::unique_ptr<RowEncoder> MakeRowEncoder(DType type, const Metric* metric,
                                           const EncodeSteps& steps,
                                           const kernels::KernelTable& kernels);

/// An encoder for inputs of which only the size of each column is known: none makes up for others.
/// @param importance  [n], positive: what a square error of 1 costs in each column. Empty: all
/// alike
/// @pre CanEncode(type)
std::unique_ptr<RowEncoder> MakeRowEncoder(DType type, std::span<const float> importance);

}  // namespace altteul::compress
