// SPDX-License-Identifier: Apache-2.0

// A borrowed tensor: where its bytes are and how to read them.

#pragma once

#include <cstddef>
#include <span>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace altteul {

/// Owns nothing: the Buffer that holds `bytes` must outlive it.
struct TensorView {
  std::span<const std::byte> bytes;  ///< rows() * RowBytes(type, cols()) bytes, row-major
  DType type = DType::kF32;
  Shape shape;
};

}  // namespace altteul
