// SPDX-License-Identifier: Apache-2.0

// Chooses the next token from logits.
//
// The steps and their order are those of llama.cpp's default chain: logit bias, penalties over the
// last tokens, then greedy, or top-k, top-p, min-p, temperature and a draw. The draw for position n
// is a function of (seed, n) only, so an answer does not depend on what else the machine was doing.

#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::engine {

/// A penalty window that no context is longer than.
inline constexpr uint32_t kWholeContext = UINT32_MAX;

struct SamplerOptions {
  float temperature = 0.8f;        ///< 0: greedy
  int32_t top_k = 40;              ///< 0: off
  float top_p = 0.95f;             ///< 1: off
  float min_p = 0.05f;             ///< 0: off
  float repeat_penalty = 1.0f;     ///< 1: off; divides positive logits, multiplies negative ones
  float frequency_penalty = 0.0f;  ///< times the number of occurrences
  float presence_penalty = 0.0f;   ///< once for each token that occurred
  uint32_t penalty_window = 64;    ///< how many of the last tokens count; kWholeContext: all
  std::vector<std::pair<text::TokenId, float>> logit_bias;  ///< -inf forbids a token
  uint64_t seed = 0;
};

class Sampler {
 public:
  /// @return kInvalidArgument naming the option, its value and what is allowed
  static Result<Sampler> Create(const SamplerOptions& options, size_t vocabulary);

  /// The token for position history.size(). Does not allocate after the first call.
  /// @param logits   [vocabulary]; changed by bias and penalties
  /// @param history  all tokens so far, prompt included
  text::TokenId Sample(std::span<float> logits, std::span<const text::TokenId> history);

 private:
  Sampler(const SamplerOptions& options, size_t vocabulary);
  void ApplyPenalties(std::span<float> logits, std::span<const text::TokenId> history);
  void KeepTopK(std::span<const float> logits);
  text::TokenId Draw(uint64_t position);

  struct Candidate {
    float logit;
    text::TokenId id;
  };

  SamplerOptions options_;
  RandomStream random_;
  std::vector<Candidate> candidates_;  // best first
  std::vector<float> probabilities_;   // [candidates]
  std::vector<text::TokenId> recent_;  // sorted, for counting
};

/// The id of the largest logit; the lowest id wins a tie.
text::TokenId ArgMax(std::span<const float> logits);

}  // namespace altteul::engine
