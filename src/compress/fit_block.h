// Scales for one block: the search that a plain encoder leaves out.
//
// Of each sub-block the scale (and minimum) that leaves the smallest weighted error is looked for
// among some dozens of starts, each followed by a least-squares fit to the codes it leads to; then
// all sub-scales are brought under one d, and what was rounded on the way is tried one step up and
// down with the codes chosen anew.

#pragma once

#include <span>
#include <vector>

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
  size_t Nearest(float x) const;

 private:
  std::vector<float> value_;
  std::vector<uint8_t> code_;
  std::vector<float> middle_;  // between value_[i] and value_[i + 1]; last infinity
  std::vector<size_t> cells_;  // from the first level on in steps of 1: the level nearest there
  bool is_consecutive_ = true;
};

/// The f16 number nearest to x that is not infinite.
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
