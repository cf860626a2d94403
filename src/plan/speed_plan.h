// SPDX-License-Identifier: Apache-2.0

// How fast a model will answer, from its header and what the machine reached with our kernels.

#pragma once

#include <cstddef>

#include "kernels/attention.h"
#include "model/config.h"
#include "model/weights.h"
#include "plan/machine_rates.h"

namespace altteul::plan {

/// Tokens a second, all conversations together.
struct SpeedRange {
  double likely = 0;
  double lowest = 0;
  double highest = 0;   ///< never above the roofline
  double roofline = 0;  ///< what bandwidth and arithmetic allow, whatever the program
};

struct SpeedRequest {
  size_t prompt_tokens = 512;  ///< read in passes of kManyRows
  size_t answer_tokens = 128;  ///< behind the prompt
  size_t slots = 1;            ///< conversations that answer together
  kernels::KvType kv = kernels::KvType::kF16;
};

struct SpeedPlan {
  SpeedRange prompt;
  SpeedRange answer;
};

/// @pre the rates have every type of the weights (they have all that there are)
SpeedPlan PlanSpeed(const model::ModelConfig& config, const model::Weights& weights,
                    const MachineRates& rates, const SpeedRequest& request);

}  // namespace altteul::plan
