// SPDX-License-Identifier: Apache-2.0

// n x n numbers of the inputs of a layer: what takes most memory in compressing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "compress/work_folder.h"
#include "tensor/buffer.h"

namespace altteul::compress {

class SquareMatrix {
 public:
  SquareMatrix() = default;

  /// Zeros.
  /// @param work  where a large one rests (RoomFor()); null: in memory
  /// @return kOutOfMemory, kIoError
  static Result<SquareMatrix> Create(size_t n, const WorkFolder* work = nullptr) {
    SquareMatrix matrix;
    ALT_ASSIGN_OR_RETURN(
        matrix.memory_,
        RoomFor(n * n * sizeof(float), "sums over " + std::to_string(n) + " columns", work));
    matrix.n_ = n;
    return matrix;
  }

  size_t n() const { return n_; }
  bool empty() const { return n_ == 0; }
  bool is_on_disk() const { return memory_.is_mapped_file(); }

  float* data() { return ValuesOf<float>(memory_).data(); }
  const float* data() const { return ValuesOf<float>(memory_).data(); }
  std::span<const float> values() const { return {data(), n_ * n_}; }  ///< row-major
  float operator[](size_t i) const { return data()[i]; }

  /// Copies `from`; of this, what lies on the disk is not in memory afterwards.
  /// @pre the same n
  void Take(const SquareMatrix& from) {
    const size_t rows = std::max<size_t>(1, kSliceBytes / (n_ * sizeof(float)));
    for (size_t row = 0; row < n_; row += rows) {
      const size_t first = row * n_, count = std::min(rows, n_ - row) * n_;
      std::copy_n(from.data() + first, count, data() + first);
      memory_.ReleasePages(first * sizeof(float), count * sizeof(float));
      from.memory_.ReleasePages(first * sizeof(float), count * sizeof(float));
    }
  }

 private:
  static constexpr size_t kSliceBytes = size_t{4} << 20;

  size_t n_ = 0;
  Buffer memory_;
};

}  // namespace altteul::compress
