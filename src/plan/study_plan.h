// SPDX-License-Identifier: Apache-2.0

// What a tuning study will take before anything is trained: memory, compute-seconds a trial, and
// how many trials a budget buys.
//
// A trial trains one low-rank adapter on the frozen model. Trials that train together share the
// weights; each has its own adapter, gradients and moments of AdamW (Loshchilov and Hutter,
// arXiv 1711.05101), all in f32. What a layer reads is kept for the backward pass, and the rest of
// the layer is computed again there (Chen et al., arXiv 1604.06174).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "model/config.h"
#include "model/weights.h"
#include "plan/adapters.h"
#include "plan/machine_rates.h"
#include "plan/memory_plan.h"

namespace altteul::plan {

struct StudyRequest {
  size_t rank = 16;
  AdapterTargets targets = AdapterTargets::kAllLinear;
  size_t together = 1;        ///< trials on one copy of the weights
  size_t sequence = 512;      ///< tokens of one example
  size_t step_tokens = 2048;  ///< of one trial, between two moves of its adapter
  double data_tokens = 1e6;   ///< of the examples
  double epochs = 3;
  std::optional<double> hours = {};         ///< the budget
  std::optional<double> step_seconds = {};  ///< of one trial's step, measured; else it is computed
};

/// Resident memory of the process that trains.
struct StudyMemory {
  uint64_t weights = 0;      ///< frozen, as the file packs them
  uint64_t adapters = 0;     ///< of all trials together
  uint64_t gradients = 0;    ///< of those
  uint64_t moments = 0;      ///< two for each value
  uint64_t activations = 0;  ///< kept inputs of layers, one layer computed again, its gradients
  uint64_t loss = 0;         ///< logits and their gradients, some rows at a time
  uint64_t base = 0;

  uint64_t Peak() const;
};

struct StudyPlan {
  uint64_t adapter_values = 0;  ///< that one trial trains
  StudyMemory memory;
  double steps = 0;  ///< of one trial
  /// Seconds of one trial's step on the whole machine. Trials together take turns on it, so that
  /// they share memory and not time.
  double step_seconds = 0, least_step_seconds = 0, most_step_seconds = 0;
  double trial_seconds = 0;                 ///< compute-seconds of one trial, to its end
  std::optional<double> trials;             ///< within the budget, all to their end
  std::optional<double> trials_if_stopped;  ///< begun within it when the worse ones are stopped
};

/// What is left of trials at each rung, and how much longer the next rung is: of three one goes on.
inline constexpr double kHalvingFactor = 3;

/// Cost of one trial begun, as part of one trained to its end, under successive halving (Jamieson
/// and Talwalkar, arXiv 1502.07943) with rungs at 1/9, 1/3 and all of the training.
double CostOfTrialBegun();

/// @param memory  of the model as it is run on that machine
/// @pre the rates have F32 (they have every type that there is)
/// @return kInvalidArgument for nothing to train on; kOutOfMemory for what no memory can hold
Result<StudyPlan> PlanStudy(const model::ModelConfig& config, const model::Weights& weights,
                            const MemoryPlan& memory, int threads, const MachineRates& rates,
                            const StudyRequest& request);

}  // namespace altteul::plan
