// SPDX-License-Identifier: Apache-2.0

// Which compressed sizes of a model would fit, and about what each loses.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/config.h"
#include "model/weights.h"
#include "plan/memory_plan.h"

namespace altteul::plan {

/// A usual size of file, as llama.cpp names it.
struct UsualSize {
  std::string_view name;
  double bits_per_weight;
  double kl;  ///< mean KL divergence from the original [nats a token]
};

/// Largest first. Measured by llama.cpp on Llama-3-8B and WikiText-2, those below 5 bits with an
/// importance matrix (tools/perplexity/README.md). Smaller models lose more at the same bits, and
/// `compress` loses less than these files do.
std::span<const UsualSize> UsualSizes();

struct SizeAdvice {
  std::string name;  ///< of a usual size; empty for a point of a front
  double bits_per_weight = 0;
  uint64_t file_bytes = 0;
  uint64_t peak_bytes = 0;  ///< of memory, with the context that `plan` was made for
  double kl = 0;            ///< UsualSize::kl, or what a survey of this very model expects
};

/// `plan` with the weights at each usual size that is smaller than the model is.
std::vector<SizeAdvice> AdviseSizes(const model::WeightPlan& weights, const MemoryPlan& plan,
                                    uint64_t file_bytes);

/// A mix of types that `compress --plan` found, or a report of `compress`.
struct FrontPoint {
  uint64_t bytes = 0;
  double kl = 0;
};

/// The "front" of such a JSON file, smallest first.
/// @param name  for messages
/// @return kCorruptFile for a file that has none
Result<std::vector<FrontPoint>> ParseFront(std::string_view json, const std::string& name);

/// The same as above for the points of a front, a few of them spread evenly; largest first.
std::vector<SizeAdvice> AdviseFront(const model::WeightPlan& weights, const MemoryPlan& plan,
                                    std::span<const FrontPoint> front);

}  // namespace altteul::plan
