// SPDX-License-Identifier: Apache-2.0

#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "base/check.h"

namespace altteul::engine {
namespace {

using text::TokenId;

Status OutOfRange(const char* name, double value, const char* allowed) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.6g", value);  // 2, not 2.000000; no 309 digits
  return Status(ErrorCode::kInvalidArgument,
                std::string(name) + " is " + digits + ", allowed is " + allowed);
}

}  // namespace

TokenId ArgMax(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Result<Sampler> Sampler::Create(const SamplerOptions& o, size_t vocabulary) {
  if (!(o.temperature >= 0 && o.temperature <= 100)) {
    return OutOfRange("temperature", o.temperature, "0 to 100");
  }
  if (o.top_k < 0) return OutOfRange("top-k", o.top_k, "0 (off) and up");
  if (!(o.top_p > 0 && o.top_p <= 1)) return OutOfRange("top-p", o.top_p, "above 0 up to 1 (off)");
  if (!(o.min_p >= 0 && o.min_p < 1)) return OutOfRange("min-p", o.min_p, "0 (off) up to below 1");
  if (!(o.repeat_penalty > 0 && o.repeat_penalty <= 100)) {
    return OutOfRange("repeat penalty", o.repeat_penalty, "above 0 up to 100");
  }
  for (const float penalty : {o.frequency_penalty, o.presence_penalty}) {
    if (!(std::fabs(penalty) <= 100)) return OutOfRange("penalty", penalty, "-100 to 100");
  }
  for (const auto& bias : o.logit_bias) {
    if (bias.first < 0 || static_cast<size_t>(bias.first) >= vocabulary) {
      return Status(ErrorCode::kInvalidArgument,
                    "logit bias for token " + std::to_string(bias.first) +
                        ", but the vocabulary has " + std::to_string(vocabulary));
    }
    if (std::isnan(bias.second) || bias.second == INFINITY) {
      return OutOfRange("logit bias", bias.second, "a number or -inf");
    }
  }
  return Sampler(o, vocabulary);
}

Sampler::Sampler(const SamplerOptions& options, size_t vocabulary)
    : options_(options), random_(options.seed, "sampler") {
  candidates_.reserve(vocabulary);
  probabilities_.reserve(vocabulary);
  // A window of any size may be asked for; more than this grows with the history.
  recent_.reserve(std::min<size_t>(options.penalty_window, 4096));
}

TokenId Sampler::Sample(std::span<float> logits, std::span<const TokenId> history) {
  ALT_CHECK(!logits.empty());
  for (const auto& bias : options_.logit_bias) {
    logits[static_cast<size_t>(bias.first)] += bias.second;
  }
  ApplyPenalties(logits, history);
  if (options_.temperature == 0.0f || options_.top_k == 1) return ArgMax(logits);
  KeepTopK(logits);
  return Draw(history.size());
}

// Repetition: Keskar et al., arXiv 1909.05858, section 4.1. Frequency and presence: as OpenAI's API
// documents them, mu[j] -= count[j] * frequency + (count[j] > 0) * presence.
void Sampler::ApplyPenalties(std::span<float> logits, std::span<const TokenId> history) {
  const bool off = options_.repeat_penalty == 1.0f && options_.frequency_penalty == 0.0f &&
                   options_.presence_penalty == 0.0f;
  if (off) return;
  const size_t n = std::min<size_t>(history.size(), options_.penalty_window);
  recent_.assign(history.end() - static_cast<std::ptrdiff_t>(n), history.end());
  std::sort(recent_.begin(), recent_.end());
  for (size_t i = 0; i < recent_.size();) {
    size_t end = i;
    while (end < recent_.size() && recent_[end] == recent_[i]) ++end;
    float& logit = logits[static_cast<size_t>(recent_[i])];
    logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    logit -= static_cast<float>(end - i) * options_.frequency_penalty + options_.presence_penalty;
    i = end;
  }
}

// Candidates, best first; ties by lower id, so that the order is the same everywhere.
void Sampler::KeepTopK(std::span<const float> logits) {
  candidates_.clear();
  for (size_t id = 0; id < logits.size(); ++id) {
    candidates_.push_back({logits[id], static_cast<TokenId>(id)});
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  const size_t k = options_.top_k == 0
                       ? candidates_.size()
                       : std::min(candidates_.size(), static_cast<size_t>(options_.top_k));
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(k),
                    candidates_.end(), better);
  candidates_.resize(k);
}

TokenId Sampler::Draw(uint64_t position) {
  // top-p and min-p look at probabilities before temperature, as llama.cpp's chain does.
  const float best = candidates_.front().logit;
  double total = 0;
  probabilities_.clear();
  for (const Candidate& c : candidates_) {
    probabilities_.push_back(std::exp(c.logit - best));
    total += static_cast<double>(probabilities_.back());
  }
  size_t kept = 0;
  double sum = 0;
  while (kept < candidates_.size()) {
    if (probabilities_[kept] < options_.min_p) break;  // relative to the best, whose value is 1
    sum += static_cast<double>(probabilities_[kept++]) / total;
    if (sum >= static_cast<double>(options_.top_p)) break;
  }
  kept = std::max<size_t>(kept, 1);

  total = 0;
  for (size_t i = 0; i < kept; ++i) {
    probabilities_[i] = std::exp((candidates_[i].logit - best) / options_.temperature);
    total += static_cast<double>(probabilities_[i]);
  }
  double left = random_.Uniform(position) * total;
  for (size_t i = 0; i < kept; ++i) {
    left -= static_cast<double>(probabilities_[i]);
    if (left < 0) return candidates_[i].id;
  }
  // Rounding left a crumb; it must not choose a forbidden token.
  while (kept > 1 && probabilities_[kept - 1] == 0.0f) --kept;
  return candidates_[kept - 1].id;
}

}  // namespace altteul::engine
