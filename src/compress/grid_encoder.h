// SPDX-License-Identifier: Apache-2.0

// Rows that lie on the grid of a type already, because their model was trained for it or written
// out of its blocks: finds blocks that give every value again, where rounding would move some.
//
// The largest value of a sub-block is one of the levels times the scale. So there are no more
// scales than levels, times the few numbers that the source's own rounding leaves open; each is
// tried until all values are found again, and most fail at the second one. With a minimum, the
// largest difference stands for the largest value.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compress/fit_block.h"
#include "compress/scalar_block.h"
#include "tensor/dtype.h"

namespace altteul::compress {

/// Whether GridEncoder knows the type: each sub-block has a scale of its own, or scale and minimum.
/// (Sub-blocks of k-quants share one.)
bool HasGrid(DType type);

/// The types for which HasGrid(), ascending.
std::vector<DType> GridTypes();

/// Encodes on one thread.
class GridEncoder {
 public:
  /// @param source  F32, F16 or BF16: what decoded values are rounded to before they are compared
  /// @pre HasGrid(type)
  GridEncoder(DType type, DType source);

  /// Finds blocks whose values are the row's, but for the signs of zeros.
  /// @param row  [n] finite values of the source's type, n a multiple of the type's block
  /// @param out  RowBytes(type, n)
  /// @return false when none were found; then `out` means nothing
  bool Encode(std::span<const float> row, std::byte* out);

 private:
  bool FitScale(std::span<const float> values, size_t sub);
  bool TryScales(std::span<const float> values, size_t sub, float level, float value);
  bool FitScaleAndMinimum(std::span<const float> values);
  bool TryScale(std::span<const float> values, float scale, size_t steps, float lowest);
  bool FitConstant(std::span<const float> values);
  bool TakeCodes(std::span<const float> values, size_t sub);
  float Rounded(float value) const;
  double Slack(float value) const;

  const ScalarType& type_;
  const Levels levels_;
  const DType source_;
  std::vector<float> by_size_;  // levels other than 0, the largest first
  BlockFields block_;
};

}  // namespace altteul::compress
