// SPDX-License-Identifier: Apache-2.0

#include "plan/study_plan.h"

#include <algorithm>
#include <cmath>

#include "engine/forward.h"
#include "engine/pass_work.h"

namespace altteul::plan {
namespace {

// Products with a matrix of a layer for each of a step's tokens: forward, forward again where the
// layer is computed a second time, and the gradient of its input. A frozen matrix has no gradient
// of its own.
constexpr double kLayerProducts = 3;
constexpr double kHeadProducts = 2;     // forward and its input's gradient; the loss stands between
constexpr double kAdapterProducts = 4;  // as a layer's, and the gradient of the adapter itself
// The backward pass of attention has five products where the forward pass has two (Dao et al.,
// arXiv 2205.14135, algorithm 4).
constexpr double kAttentionPasses = 2 + 2.5;
constexpr double kOptimizerBytes = 28;  // a value: gradient, itself and two moments, 3 written back

constexpr size_t kLossRows = 64;                    // whose logits are held at once
constexpr uint64_t kMostBytes = uint64_t{1} << 60;  // of one part: so sums do not wrap

// Nothing has been trained where a step is computed: how far such a reckoning is taken to be off,
// beside what the machine itself wavers.
constexpr double kStepError = 1.5;

class StepClock {
 public:
  StepClock(const model::ModelConfig& config, const model::Weights& weights,
            const MachineRates& rates, double adapter_values)
      : config_(config), weights_(weights), rates_(rates), adapter_values_(adapter_values) {}

  double SecondsOf(size_t step_tokens, size_t sequence) const {
    const engine::PassWork work = engine::WorkOfPass(config_, weights_, kernels::KvType::kF16,
                                                     {.n_rows = sequence, .n_logits = sequence});
    double layers = 0;  // seconds a token, as everything here
    for (const engine::MatrixSum& sum : work.layers) layers += Product(sum);
    const double adapters = 2 * adapter_values_ / OpsPerSecond();
    const AttentionRate& rate = rates_.Attention(kernels::KvType::kF16, config_.widest_head());
    const double attention = work.attention_ops / static_cast<double>(sequence) / rate.ops_per_s;
    const double row_steps = RowValues(config_) * rates_.value_seconds;
    const double token = kLayerProducts * (layers + row_steps) +
                         kHeadProducts * Product(work.head) + kAdapterProducts * adapters +
                         kAttentionPasses * attention;
    const double optimizer = kOptimizerBytes * adapter_values_ / rates_.read_bytes_per_s;
    return token * static_cast<double>(step_tokens) + optimizer;
  }

 private:
  double Product(const engine::MatrixSum& sum) const { return 2 * sum.elements / OpsPerSecond(); }

  // Gradients need more than 8 bits: weights are decoded, and products are those of F32.
  double OpsPerSecond() const { return rates_.Find(DType::kF32)->ops_per_s; }

  const model::ModelConfig& config_;
  const model::Weights& weights_;
  const MachineRates& rates_;
  const double adapter_values_;
};

Result<StudyMemory> MemoryOf(const model::ModelConfig& config, const MemoryPlan& model, int threads,
                             uint64_t adapter_values, const StudyRequest& request) {
  // What is computed at once: a whole example, or as many rows as the engine's own passes have.
  const size_t rows = std::max(request.sequence, kManyRows);
  ALT_ASSIGN_OR_RETURN(const uint64_t working,
                       engine::Forward::WorkingBytes(config, threads, rows, request.sequence));
  const double kept = static_cast<double>(config.n_layers()) * static_cast<double>(rows) *
                      static_cast<double>(config.hidden) * sizeof(float);
  const double adapters =
      static_cast<double>(adapter_values) * static_cast<double>(request.together) * sizeof(float);
  const double activations = kept + 2 * static_cast<double>(working);  // values, their gradients
  if (2 * adapters > kMostBytes || activations > kMostBytes) {
    return Status(ErrorCode::kOutOfMemory, "a study of " + std::to_string(request.together) +
                                               " trials together with examples of " +
                                               std::to_string(request.sequence) +
                                               " tokens is more than any memory holds");
  }
  const auto adapter_bytes = static_cast<uint64_t>(adapters);
  return StudyMemory{.weights = model.weights,
                     .adapters = adapter_bytes,
                     .gradients = adapter_bytes,
                     .moments = 2 * adapter_bytes,
                     .activations = static_cast<uint64_t>(activations),
                     .loss = 2 * kLossRows * config.vocabulary * sizeof(float),
                     .base = model.base};
}

}  // namespace

uint64_t StudyMemory::Peak() const {
  return weights + adapters + gradients + moments + activations + loss + base;
}

double CostOfTrialBegun() {
  // Every trial reaches the first rung, one of three the second, one of nine the end.
  constexpr double kPart = 1 / kHalvingFactor;
  const double first = kPart * kPart, second = kPart;
  return first + kPart * (second - first) + kPart * kPart * (1 - second);
}

Result<StudyPlan> PlanStudy(const model::ModelConfig& config, const model::Weights& weights,
                            const MemoryPlan& memory, int threads, const MachineRates& rates,
                            const StudyRequest& request) {
  if (request.rank == 0 || request.together == 0 || request.sequence == 0 ||
      request.step_tokens == 0 || !(request.data_tokens > 0) || !(request.epochs > 0)) {
    return Status(ErrorCode::kInvalidArgument,
                  "a study needs a rank, a trial, and at least one token to train on");
  }
  StudyPlan plan;
  plan.adapter_values = AdapterValues(weights, request.rank, request.targets);
  ALT_ASSIGN_OR_RETURN(plan.memory,
                       MemoryOf(config, memory, threads, plan.adapter_values, request));
  plan.steps =
      std::ceil(request.data_tokens * request.epochs / static_cast<double>(request.step_tokens));
  if (request.step_seconds) {
    plan.step_seconds = *request.step_seconds;
    plan.least_step_seconds = plan.step_seconds / rates.spread;
    plan.most_step_seconds = plan.step_seconds * rates.spread;
  } else {
    const StepClock clock(config, weights, rates, static_cast<double>(plan.adapter_values));
    plan.step_seconds = clock.SecondsOf(request.step_tokens, request.sequence);
    const double error = kStepError * rates.spread;
    plan.least_step_seconds = plan.step_seconds / error;
    plan.most_step_seconds = plan.step_seconds * error;
  }
  plan.trial_seconds = plan.steps * plan.step_seconds;
  if (request.hours) {
    const double trials = *request.hours * 3600 / plan.trial_seconds;
    plan.trials = std::floor(trials);
    plan.trials_if_stopped = std::floor(trials / CostOfTrialBegun());
  }
  return plan;
}

}  // namespace altteul::plan
