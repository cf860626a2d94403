// Rows of a matrix -> blocks of a scalar type, column by column under the metric of the layer's
// inputs: what one column's rounding misses, the columns behind make up for (GPTQ, arXiv
// 2210.17323); then codes and scales are moved one by one as long as the error falls.

#pragma once

#include <cstddef>
#include <span>

#include "compress/fit_block.h"
#include "compress/second_order.h"
#include "kernels/kernel_table.h"

namespace altteul::compress {

/// Which steps are taken; all of them by default.
struct EncodeSteps {
  bool feedback = true;
  int descents = 3;  ///< sweeps over the codes, with new scales between them
};

/// Encodes rows on one thread; make one for each. Every row is computed alone, so it does not
/// matter who encodes which.
class RowEncoder {
 public:
  /// @param metric   of the layer's inputs, outlives the encoder; null: every column counts alike
  /// @param kernels  whose add_rows does the sums
  RowEncoder(const ScalarType& type, const Metric* metric, const EncodeSteps& steps,
             const kernels::KernelTable& kernels);

  /// @param target  [n] finite values, n a multiple of the type's block
  /// @param out     RowBytes(type, n)
  void Encode(std::span<const float> target, std::byte* out);

 private:
  void Round(std::span<const float> target);
  void RoundBlock(size_t number);
  void AddRows(std::span<const float> factor, const float* x, std::span<float> y) const;
  void StartDescent(std::span<const float> target);
  void DescendCodes();
  void DescendScales();
  void MoveColumns(size_t first, size_t count);
  template <typename Direction, typename Step>
  void TryStep(size_t first, size_t count, const Direction& direction, const Step& step);

  const ScalarType& type_;
  const Levels levels_;
  const Metric* metric_;
  const EncodeSteps steps_;
  const kernels::KernelTable& kernels_;
  std::vector<BlockFields> blocks_;
  std::vector<float> wanted_, importance_, value_, gradient_, factor_;
};

}  // namespace altteul::compress
