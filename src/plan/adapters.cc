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
    if (linear.w.rows != 0) values += rank * (linear.w.rows + linear.w.cols);
  };
  for (const model::BlockWeights& block : weights.blocks) {
    if (targets != AdapterTargets::kMlp) {
      for (const model::Linear* linear : {&block.q, &block.k, &block.v, &block.o}) add(*linear);
    }
    if (targets != AdapterTargets::kAttention) {
      for (const model::Linear* linear : {&block.gate, &block.up, &block.down}) add(*linear);
    }
  }
  return values;
}

}  // namespace altteul::plan
