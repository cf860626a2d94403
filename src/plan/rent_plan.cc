// SPDX-License-Identifier: Apache-2.0

#include "plan/rent_plan.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/ascii.h"
#include "base/human_units.h"
#include "kernels/codecs/codec.h"

namespace altteul::plan {
namespace {

constexpr double kShareOfBandwidth = 0.6;
constexpr double kShareOfArithmetic = 0.4;
constexpr double kSpread = 1.3;          // with the model's own error: a factor of 1.5 either way
constexpr double kLayerSeconds = 40e-6;  // of a layer's launches
constexpr double kShareOfCut = 0.7;  // of its speed that a model keeps when it is cut over chips
constexpr double kMemoryMargin = 1.05;

Status NoJob(std::string_view text) {
  return Status(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is no job; one is written \"2M in, 500k out\"");
}

/// Rates of several chips together.
MachineRates Together(MachineRates rates, double factor) {
  rates.read_bytes_per_s *= factor;
  rates.peaks.bf16_flops *= factor;
  for (TypeRate& rate : rates.types) {
    rate.bytes_per_s *= factor;
    rate.ops_per_s *= factor;
  }
  for (AttentionRate& rate : rates.attention) {
    rate.bytes_per_s *= factor;
    rate.ops_per_s *= factor;
  }
  return rates;
}

void Scale(SpeedPlan& plan, double factor) {
  for (SpeedRange* range : {&plan.prompt, &plan.answer}) {
    for (double* value : {&range->likely, &range->lowest, &range->highest, &range->roofline}) {
      *value *= factor;
    }
  }
}

}  // namespace

Result<Job> ParseJob(std::string_view text) {
  Job job;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    std::string_view part = Trim(rest.substr(0, comma), kWhiteSpace);
    double* tokens = nullptr;
    if (part.ends_with("in")) {
      tokens = &job.tokens_in;
      part.remove_suffix(2);
    } else if (part.ends_with("out")) {
      tokens = &job.tokens_out;
      part.remove_suffix(3);
    }
    const auto value = ParseCount(Trim(part, kWhiteSpace));
    if (tokens == nullptr || *tokens != 0 || !value) return NoJob(text);
    *tokens = *value;
    if (comma == std::string_view::npos) return job;
    rest.remove_prefix(comma + 1);
  }
}

double HoursOf(const Job& job, double prompt_tokens_per_s, double answer_tokens_per_s) {
  return (job.tokens_in / prompt_tokens_per_s + job.tokens_out / answer_tokens_per_s) / 3600;
}

std::optional<MachineRates> RatesOfChip(const Chip& chip) {
  // Matrix units multiply bytes twice as fast as 16-bit floats.
  const auto tflops = chip.fp16_tflops || !chip.int8_tops
                          ? chip.fp16_tflops
                          : std::optional<double>(*chip.int8_tops / 2);
  if (!chip.memory_gb_s || !tflops) return std::nullopt;
  MachineRates rates;
  rates.processor = chip.name;
  rates.threads = 1;
  rates.read_bytes_per_s = *chip.memory_gb_s * 1e9;
  rates.peaks.bf16_flops = *tflops * 1e12;
  const double bytes_per_s = kShareOfBandwidth * rates.read_bytes_per_s;
  const double ops_per_s = kShareOfArithmetic * rates.peaks.bf16_flops;
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    rates.types.push_back({codec.type, bytes_per_s, ops_per_s});
  }
  rates.attention.push_back({kernels::KvType::kF16, 128, bytes_per_s, ops_per_s});
  rates.layer_seconds = kLayerSeconds;
  rates.spread = kSpread;
  return rates;
}

RentPlan PlanRent(const model::ModelConfig& config, const model::Weights& weights,
                  const MemoryPlan& memory, const SpeedRequest& request, const Job& job,
                  std::span<const Chip> chips, const Offers& offers) {
  RentPlan plan;
  MemoryPlan on_chip = memory;
  on_chip.base = kChipBaseBytes;
  on_chip.loading = 0;
  const double needed = kMemoryMargin * static_cast<double>(on_chip.Peak());
  for (const Offer& offer : offers.rows) {
    const Chip& chip = chips[offer.chip];
    const auto rates = RatesOfChip(chip);
    if (!rates || !chip.memory_gb) {
      ++plan.n_without_facts;
      continue;
    }
    RentedJob row{.offer = offer};
    row.chips_per_copy = static_cast<size_t>(std::ceil(needed / (*chip.memory_gb * 1e9)));
    const size_t n_copies = offer.n_chips / row.chips_per_copy;
    if (n_copies == 0) {
      ++plan.n_too_small;
      continue;
    }
    const double together =
        row.chips_per_copy == 1 ? 1.0 : kShareOfCut * static_cast<double>(row.chips_per_copy);
    row.speed = PlanSpeed(config, weights, Together(*rates, together), request);
    Scale(row.speed, static_cast<double>(n_copies));
    const SpeedRange &prompt = row.speed.prompt, &answer = row.speed.answer;
    row.hours = HoursOf(job, prompt.likely, answer.likely);
    row.least_hours = HoursOf(job, prompt.highest, answer.highest);
    row.most_hours = HoursOf(job, prompt.lowest, answer.lowest);
    row.usd = row.hours * offer.usd_per_hour;
    if (chip.launch_usd) {
      row.hours_to_buy = *chip.launch_usd * static_cast<double>(offer.n_chips) / offer.usd_per_hour;
    }
    plan.rows.push_back(std::move(row));
  }
  std::stable_sort(plan.rows.begin(), plan.rows.end(),
                   [](const RentedJob& a, const RentedJob& b) { return a.usd < b.usd; });
  return plan;
}

}  // namespace altteul::plan
