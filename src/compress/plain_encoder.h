// SPDX-License-Identifier: Apache-2.0

// Rows of a matrix -> blocks of any type, no column making up for another.

#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "compress/row_encoder.h"
#include "kernels/codecs/codec.h"
#include "tensor/dtype.h"

namespace altteul::compress {

/// Whether there is a way to write the type.
bool CanEncodePlainly(DType type);

/// Rounds rows of one length on one thread. Where every weight counts alike by ggml's rule if there
/// is one; else with the scales that fit best.
class PlainEncoder {
 public:
  /// @param importance  as for MakeRowEncoder(); types without a RowEncoder take no notice of it
  /// @pre CanEncodePlainly(type)
  explicit PlainEncoder(DType type, std::span<const float> importance = {});

  /// @param row  [n] finite values, n a multiple of the type's block
  /// @param out  RowBytes(type, n)
  void Encode(std::span<const float> row, std::byte* out);

 private:
  const kernels::Codec& codec_;
  std::unique_ptr<RowEncoder> searching_;
};

}  // namespace altteul::compress
