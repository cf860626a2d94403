// SPDX-License-Identifier: Apache-2.0

// Guessing the next tokens, so that one forward pass can check several of them.
//
// Exact by construction. A session runs the guesses as rows of one pass behind the last true token,
// takes the true logits of every row, and samples position by position with the one Sampler; it
// goes on while the sampled token is the guessed one and drops the rows behind the first that
// differs. A row's logits do not depend on the rows beside it (ARCHITECTURE.md, "Same tokens, same
// bits") and the draw for position n is a function of (seed, n) only, so the answer is bit for bit
// the one without guessing: greedy or sampled, with penalties and all. No guess, good or bad, can
// change it. The rejection sampling of Leviathan et al. (arXiv 2211.17192) keeps the distribution
// only and would need the guesser's probabilities.

#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::engine {

/// Serves one session. Not thread-safe.
class Speculator {
 public:
  virtual ~Speculator() = default;

  /// Most tokens it ever proposes at once.
  virtual size_t longest() const = 0;

  /// An answer begins behind `history`, which may have nothing to do with the one before. Until the
  /// next Begin(), every history that is passed in continues the one passed before.
  /// @param go_on  asked now and then while that takes long; may be empty
  /// @return kCancelled when go_on said no
  virtual Status Begin(std::span<const text::TokenId> history,
                       const std::function<bool()>& go_on) = 0;

  /// What a proposal behind `history` would be worth, at next to no cost: chances[i] is how likely
  /// its token i is right if those before it are.
  /// @param chances  at least longest()
  /// @return how many tokens could be proposed, 0 when there is nothing to go by
  virtual size_t Forecast(std::span<const text::TokenId> history, std::span<float> chances) = 0;

  /// Tokens that may follow `history`. Called behind Forecast(), with out.size() at most what that
  /// returned; fills `out`.
  virtual Status Propose(std::span<const text::TokenId> history, std::span<text::TokenId> out) = 0;

  /// How the last proposal fared: its first `accepted` tokens came true, and the one behind them
  /// did not if `refuted`. (An answer may also end in the middle of a proposal.)
  virtual void Observe(size_t accepted, bool refuted) = 0;
};

}  // namespace altteul::engine
