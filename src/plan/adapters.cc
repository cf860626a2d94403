// SPDX-License-Identifier: Apache-2.0

#include "plan/adapters.h"

#include <string>

#include "formats/quote.h"

namespace altteul::plan {

Result<AdapterTargets> ParseAdapterTargets(std::string_view name) {
  if (name == "all-linear") return AdapterTargets::kAllLinear;
  if (name == "attention") return AdapterTargets::kAttention;
  if (name == "mlp") return AdapterTargets::kMlp;
  return Status(ErrorCode::kInvalidArgument, "target modules " + formats::Quote(name) +
                                                 " are none of " +
                                                 std::string(kAdapterTargetNames));
}

uint64_t AdapterValues(const model::Weights& weights, size_t rank, AdapterTargets targets) {
  uint64_t values = 0;
  const auto add = [&](const model::Linear& linear) {
    values += rank * (linear.w.rows + linear.w.cols);
  };
  for (const model::BlockWeights& block : weights.blocks) {
    ForEachMatrix(block, [&](model::MatrixRole role, const model::Linear& linear) {
      const bool attention = role <= model::MatrixRole::kO;
      if (targets == AdapterTargets::kAllLinear ||
          attention == (targets == AdapterTargets::kAttention)) {
        add(linear);
      }
    });
  }
  return values;
}

}  // namespace altteul::plan
