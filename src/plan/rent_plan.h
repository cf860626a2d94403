// SPDX-License-Identifier: Apache-2.0

// What a job costs on rented accelerators, cheapest first.
//
// We have no engine for these chips: a published one is assumed to reach 60 % of a chip's bandwidth
// when it answers and 40 % of its dense 16-bit arithmetic when it reads, give or take a half.
// (llmfit assumes 55 % of bandwidth; measured engines lie between 40 and 85 %.)

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/config.h"
#include "model/weights.h"
#include "plan/memory_plan.h"
#include "plan/offers.h"
#include "plan/speed_plan.h"

namespace altteul::plan {

/// What a program takes of a chip's memory beside the model.
inline constexpr uint64_t kChipBaseBytes = 1'000'000'000;

/// Tokens to be read and to be written.
struct Job {
  double tokens_in = 0;
  double tokens_out = 0;
};

/// "2M in, 500k out", either alone too; k, M and G are thousands.
/// @return kInvalidArgument, also for more than 10^15 tokens
Result<Job> ParseJob(std::string_view text);

/// Hours of a job at a speed.
double HoursOf(const Job& job, double prompt_tokens_per_s, double answer_tokens_per_s);

/// What a chip would reach; nothing where its bandwidth or arithmetic is not known. Without a
/// figure for 16-bit arithmetic it is half of that for 8 bits.
std::optional<MachineRates> RatesOfChip(const Chip& chip);

struct RentedJob {
  Offer offer;
  size_t chips_per_copy = 1;  ///< the model is cut over so many
  SpeedPlan speed = {};       ///< of the whole machine
  double hours = 0, least_hours = 0, most_hours = 0;
  double usd = 0;
  /// Hours of this use after which buying the chips had been as cheap, power left out; nothing
  /// where their price is not known.
  std::optional<double> hours_to_buy = {};
};

struct RentPlan {
  std::vector<RentedJob> rows;  ///< by rising cost
  size_t n_too_small = 0;       ///< offers whose memory does not hold the model
  size_t n_without_facts = 0;   ///< of chips whose bandwidth or arithmetic is not known
};

/// @param memory  of the engine here; a chip's program is taken to need 1 GB in place of its base
RentPlan PlanRent(const model::ModelConfig& config, const model::Weights& weights,
                  const MemoryPlan& memory, const SpeedRequest& request, const Job& job,
                  std::span<const Chip> chips, const Offers& offers);

}  // namespace altteul::plan
