// Rows of a matrix -> blocks of a scalar type, column by column under the metric of the layer's
// inputs: what one column's rounding misses, the columns behind make up for (GPTQ, arXiv
// 2210.17323); then codes and scales are moved one by one as long as the error falls.

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "compress/fit_block.h"
#include "compress/row_encoder.h"
#include "compress/row_error.h"

namespace altteul::compress {

class ScalarRowEncoder final : public RowEncoder {
 public:
  /// As MakeRowEncoder().
  ScalarRowEncoder(const ScalarType& type, const Metric* metric, const EncodeSteps& steps,
                   const kernels::KernelTable& kernels);
  ScalarRowEncoder(const ScalarType& type, std::span<const float> importance);

  void Encode(std::span<const float> target, std::byte* out) override;

 private:
  void Round(std::span<const float> target);
  void RoundBlock(size_t number);
  void DescendCodes();
  void DescendScales();
  template <typename Direction, typename Step>
  void TryStep(size_t first, size_t count, const Direction& direction, const Step& step);

  const ScalarType& type_;
  const Levels levels_;
  const Metric* metric_;
  const EncodeSteps steps_;
  const kernels::KernelTable& kernels_;
  std::optional<RowError> error_;  // with a metric
  std::vector<BlockFields> blocks_;
  std::vector<float> wanted_, importance_, value_, factor_;
};

}  // namespace altteul::compress
