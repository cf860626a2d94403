// SPDX-License-Identifier: Apache-2.0

// Scales for one block: the search that a plain encoder leaves out.
//
// Of each sub-block the scale (and minimum) that leaves the smallest weighted error is looked for
// among some dozens of starts, each followed by a least-squares fit to the codes it leads to; then
// all sub-scales are brought under one d, and what was rounded on the way is tried one step up and
// down with the codes chosen anew.

#pragma once

#include <span>
#include <vector>

#include "compress/float4.h"
#include "compress/scalar_block.h"

namespace altteul::compress {

/// The levels of a type in ascending order, for looking up the nearest.
class Levels {
 public:
  explicit Levels(const ScalarType& type);

  size_t size() const { return value_.size(); }
  float value(size_t index) const { return value_[index]; }
  uint8_t code(size_t index) const { return code_[index]; }
  /// The index of the level nearest to x; NaN gives one of them.
  size_t Nearest(float x) const { return index_[static_cast<size_t>(Cells(Same4(x))[0])]; }
  /// The values nearest to four numbers.
  Float4 NearestValues(Float4 x) const {
    const Bits4 cells = __builtin_convertvector(Cells(x), Bits4);
    const auto at = [&](size_t lane) { return nearest_[static_cast<size_t>(cells[lane])]; };
    return Float4{at(0), at(1), at(2), at(3)};
  }

 private:
  // Levels are whole numbers, so between two multiples of a half the nearest is always the same.
  Float4 Cells(Float4 x) const {
    const Float4 steps = (x - first_) * 2.0f;
    const Float4 none{};
    const Float4 held = steps < last_cell_ ? steps : last_cell_;
    return held > none ? held : none;  // none for NaN
  }

  std::vector<float> value_;
  std::vector<uint8_t> code_;
  std::vector<uint8_t> index_;  // of each cell, the level nearest there
  std::vector<float> nearest_;  // and its value
  Float4 first_{}, last_cell_{};
};

/// The f16 number nearest to x that is not infinite; 0 where x is no number.
float NearestHalf(double x);

/// The code of the level nearest to `wanted` under the scales of sub-block `sub`.
uint8_t NearestCode(const ScalarType& type, const Levels& levels, const BlockFields& block,
                    size_t sub, float wanted);

/// Chooses scales and codes for `wanted`, minimizing sum_j importance[j] * (wanted[j] - value_j)^2.
/// @param wanted      [block_cols], finite
/// @param importance  [block_cols], positive
BlockFields FitBlock(const ScalarType& type, const Levels& levels, std::span<const float> wanted,
                     std::span<const float> importance);

}  // namespace altteul::compress
