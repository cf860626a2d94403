// SPDX-License-Identifier: Apache-2.0

// Rows of a matrix -> blocks of a scalar type, column by column under the metric of the layer's
// inputs: what one column's rounding misses, the columns behind make up for (GPTQ, arXiv
// 2210.17323); then codes and scales are moved one by one as long as the error falls.

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "compress/fit_block.h"
#include "compress/row_encoder.h"
#include "compress/row_errors.h"

namespace altteul::compress {

class ScalarRowEncoder final : public RowEncoder {
 public:
  /// As MakeRowEncoder().
  ScalarRowEncoder(const ScalarType& type, const Metric* metric, const EncodeSteps& steps,
                   const kernels::KernelTable& kernels);
  ScalarRowEncoder(const ScalarType& type, std::span<const float> importance);

  void EncodeRows(std::span<const float> targets, size_t n_rows, std::byte* out) override;

 private:
  bool FeedsBack() const { return metric_ != nullptr && steps_.feedback; }
  void Round(std::span<const float> targets);
  void RoundPanel(const Panel& panel);
  void RoundBlock(size_t number, const Panel& panel);
  void Descend(std::span<const float> targets);
  void DescendRows(const Panel& panel, bool moves_scales);
  void DescendCodes(const Panel& panel);
  void DescendScales(size_t number);
  template <typename Direction, typename Step>
  void TryStep(size_t first, size_t count, const Direction& direction, const Step& step);

  // Of the row that is worked on.
  BlockFields& Block(size_t number) { return blocks_[row_ * (n_ / type_.block_cols) + number]; }
  float* Wanted(size_t column) { return &wanted_[row_ * n_ + column]; }
  float* Factor(const Panel& panel, size_t column) {
    return &factor_[row_ * panel.cols + column - panel.first];
  }

  const ScalarType& type_;
  const Levels levels_;
  const Metric* metric_;
  const EncodeSteps steps_;
  const kernels::KernelTable& kernels_;
  size_t n_ = 0, n_rows_ = 0, row_ = 0;
  std::vector<Panel> panels_;        // of the columns
  std::optional<RowErrors> errors_;  // with a metric
  std::vector<BlockFields> blocks_;  // [n_rows, blocks]
  std::vector<float> importance_;    // [n]
  std::vector<float> wanted_;        // [n_rows, n]: the target, with what earlier columns missed
  std::vector<float> value_;         // [n_rows, n]
  std::vector<float> factor_;        // [n_rows, panel]: of the rows of U, for later panels
  std::vector<float> change_;        // of a block's columns
};

}  // namespace altteul::compress
