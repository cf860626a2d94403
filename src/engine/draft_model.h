// SPDX-License-Identifier: Apache-2.0

// Guesses from a smaller model with the same vocabulary, whose padding may be another.
//
// The draft reads the same history with a cache of its own and continues it. It samples with the
// same options and the same seed as the true model, so at each position both take their token at
// the same draw: where their distributions are alike the tokens are mostly the same ones.

#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/sampler.h"
#include "engine/speculator.h"

namespace altteul::engine {

struct DraftOptions {
  kernels::KvType kv_type = kernels::KvType::kF16;
  size_t context = 0;      ///< that of the session it serves
  size_t longest = 8;      ///< most tokens of one proposal, at least 1
  SamplerOptions sampler;  ///< those of the answers
};

class DraftModel : public Speculator {
 public:
  /// @param forward  of the draft; must outlive the result
  /// @param target   the model it guesses for
  /// @return kInvalidArgument when the two have different vocabularies (what differs is named; one
  ///         may have up to 128 tokens more, and any padding), or for bad sampler options;
  ///         kOutOfMemory
  static Result<std::unique_ptr<DraftModel>> Create(Forward& forward, const model::Model& target,
                                                    const DraftOptions& options);

  size_t kv_bytes() const { return cache_.pool().taken_bytes(); }  ///< that its pool has taken

  size_t longest() const override { return longest_; }
  Status Begin(std::span<const text::TokenId> history, const std::function<bool()>& go_on) override;
  size_t Forecast(std::span<const text::TokenId> history, std::span<float> chances) override;
  Status Propose(std::span<const text::TokenId> history, std::span<text::TokenId> out) override;
  void Observe(size_t accepted, bool refuted) override;

 private:
  DraftModel(Forward& forward, KvCache cache, Sampler sampler, size_t n_shared, size_t longest);
  bool Knows(std::span<const text::TokenId> tokens) const;
  void Follow(std::span<const text::TokenId> history);
  Status Compute(const std::function<bool()>& go_on);

  Forward& forward_;
  KvCache cache_;
  Sampler sampler_;
  size_t n_shared_;  // ids that both models have a row for: [0, n_shared_)
  size_t longest_;
  std::vector<text::TokenId>
      tokens_;                 // the history and its guesses; the cache holds the first ones
  size_t n_true_ = 0;          // tokens_ that a history was seen to have
  bool lost_ = false;          // the history has a token that the draft does not
  std::vector<float> logits_;  // [vocabulary]
  float chance_;               // of one guess
};

}  // namespace altteul::engine
