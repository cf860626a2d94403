// SPDX-License-Identifier: Apache-2.0

// Extents of a tensor, slowest axis first, as PyTorch prints them: a weight matrix is [rows, cols]
// with cols contiguous. (GGUF writes the same numbers in reverse.)

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace altteul {

struct Shape {
  static constexpr size_t kMaxDims = 8;

  size_t n_dims = 0;                      ///< 0 is a scalar
  std::array<uint64_t, kMaxDims> dims{};  ///< [n_dims] used, each at least 1

  /// Number of elements. Readers have proved that the product does not wrap.
  uint64_t Elements() const {
    uint64_t product = 1;
    for (size_t axis = 0; axis < n_dims; ++axis) product *= dims[axis];
    return product;
  }
  uint64_t cols() const { return n_dims == 0 ? 1 : dims[n_dims - 1]; }  ///< the contiguous axis
  uint64_t rows() const { return Elements() / cols(); }                 ///< all others together

  std::string ToString() const {  ///< "[49152, 576]"
    std::string text = "[";
    for (size_t axis = 0; axis < n_dims; ++axis) {
      if (axis != 0) text += ", ";
      text += std::to_string(dims[axis]);
    }
    return text + "]";
  }
  bool operator==(const Shape&) const = default;
};

}  // namespace altteul
