// SPDX-License-Identifier: Apache-2.0

#include "plan/speed_plan.h"

#include <algorithm>
#include <cmath>

#include "engine/pass_work.h"

namespace altteul::plan {
namespace {

// What the model below leaves out (caches that hold a part of the weights, matrices too narrow for
// the kernels' pace): how far it was off where it was compared, beside what the machine itself
// wavers.
constexpr double kModelError = 1.15;

/// Seconds of one pass.
struct PassSeconds {
  double likely = 0;
  double least = 0;  ///< by the machine's limits alone
};

class PassClock {
 public:
  PassClock(const model::ModelConfig& config, const model::Weights& weights,
            const MachineRates& rates, kernels::KvType kv)
      : config_(config), weights_(weights), rates_(rates), kv_(kv) {}

  /// @param slots  sequences in the pass, each with these rows
  PassSeconds Of(const engine::PassRows& rows, size_t slots) const {
    const engine::PassWork work = engine::WorkOfPass(config_, weights_, kv_, rows);
    const auto n_slots = static_cast<double>(slots);
    const double n_rows = static_cast<double>(rows.n_rows) * n_slots;
    PassSeconds seconds;
    for (const engine::MatrixSum& sum : work.layers) Add(sum, n_rows, &seconds);
    if (rows.n_logits != 0) Add(work.head, n_slots, &seconds);

    const AttentionRate& attention = rates_.Attention(kv_, config_.widest_head());
    const double kv_bytes = n_slots * work.kv_bytes;
    const double attention_ops = n_slots * work.attention_ops;
    seconds.likely +=
        rows.n_rows == 1 ? kv_bytes / attention.bytes_per_s : attention_ops / attention.ops_per_s;
    const double best = std::max(rates_.peaks.int8_ops_per_s,
                                 std::max(rates_.peaks.f32_flops, rates_.peaks.bf16_flops));
    seconds.least +=
        std::max(kv_bytes / rates_.read_bytes_per_s, best > 0 ? attention_ops / best : 0.0);

    seconds.likely += static_cast<double>(config_.n_layers()) * rates_.layer_seconds;
    if (n_rows > 1) {
      seconds.likely += n_rows * RowValues(config_) * rates_.value_seconds;
    }
    return seconds;
  }

 private:
  void Add(const engine::MatrixSum& sum, double n_rows, PassSeconds* seconds) const {
    const TypeRate& rate = *rates_.Find(sum.type);
    const double ops = 2.0 * sum.elements * n_rows;
    // Weights come from memory while earlier ones are computed with.
    seconds->likely += std::max(sum.bytes / rate.bytes_per_s, ops / rate.ops_per_s);
    const double best = std::max(rates_.peaks.int8_ops_per_s,
                                 std::max(rates_.peaks.f32_flops, rates_.peaks.bf16_flops));
    seconds->least += std::max(sum.bytes / rates_.read_bytes_per_s, best > 0 ? ops / best : 0.0);
  }

  const model::ModelConfig& config_;
  const model::Weights& weights_;
  const MachineRates& rates_;
  const kernels::KvType kv_;
};

SpeedRange RangeOf(double tokens, const PassSeconds& seconds, double spread) {
  SpeedRange range;
  range.roofline = tokens / seconds.least;
  range.likely = std::min(tokens / seconds.likely, range.roofline);
  const double error = kModelError * spread;
  range.lowest = range.likely / error;
  range.highest = std::min(range.likely * error, range.roofline);
  return range;
}

}  // namespace

SpeedPlan PlanSpeed(const model::ModelConfig& config, const model::Weights& weights,
                    const MachineRates& rates, const SpeedRequest& request) {
  const PassClock clock(config, weights, rates, request.kv);
  SpeedPlan plan;
  PassSeconds prompt;
  for (size_t done = 0; done < request.prompt_tokens;) {
    const size_t count = std::min(kManyRows, request.prompt_tokens - done);
    const bool is_last = done + count == request.prompt_tokens;
    const PassSeconds pass = clock.Of(
        {.first_position = done, .n_rows = count, .n_logits = is_last ? size_t{1} : size_t{0}}, 1);
    prompt.likely += pass.likely;
    prompt.least += pass.least;
    done += count;
  }
  plan.prompt = RangeOf(static_cast<double>(request.prompt_tokens), prompt, rates.spread);

  // Attention grows evenly with the position: the pass in the middle is the mean.
  const size_t middle = request.prompt_tokens + request.answer_tokens / 2;
  const PassSeconds answer =
      clock.Of({.first_position = middle, .n_rows = 1, .n_logits = 1}, request.slots);
  plan.answer = RangeOf(static_cast<double>(request.slots), answer, rates.spread);
  return plan;
}

}  // namespace altteul::plan
