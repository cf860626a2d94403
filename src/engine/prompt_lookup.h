// SPDX-License-Identifier: Apache-2.0

// Guesses from the text itself: what followed the last time the same tokens stood there.
//
// Answers copy from their prompt (summaries, edited code, quotations). An index knows, for every
// run of 4, 3 or 2 tokens, where it stood last; it grows by one token at a time, so a guess costs
// some memory accesses however long the history is. As long as a guessed source goes on to be
// right, it is followed, and the longer it has been right, the likelier it stays so. How likely is
// learned from every token of an answer, guessed at or not: knowing when not to guess is free.
// The idea: Saxena, "Prompt lookup decoding" (2023).

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/speculator.h"

namespace altteul::engine {

class PromptLookup : public Speculator {
 public:
  /// @param longest  most tokens of one proposal, at least 1
  explicit PromptLookup(size_t longest);

  size_t longest() const override { return longest_; }
  Status Begin(std::span<const text::TokenId> history, const std::function<bool()>&) override;
  size_t Forecast(std::span<const text::TokenId> history, std::span<float> chances) override;
  Status Propose(std::span<const text::TokenId> history, std::span<text::TokenId> out) override;
  void Observe(size_t, bool) override {}  // Forecast() sees what came true

 private:
  static constexpr size_t kShortest = 2;    ///< tokens that must agree
  static constexpr size_t kLongest = 4;     ///< tokens that the index knows
  static constexpr size_t kFarEnough = 16;  ///< an agreement this long or longer is all the same

  /// How often the next token was right behind an agreement of some length.
  struct Record {
    float hits;
    float trials;
  };

  void Extend(std::span<const text::TokenId> history, bool learn);
  void Score(bool hit);
  void FindSource();
  void Insert();
  size_t* SlotOf(size_t end, size_t length);
  void Grow();
  size_t Agreement(size_t position) const;
  static size_t RecordOf(size_t agreement);

  size_t longest_;
  std::vector<text::TokenId> tokens_;  // the history, as far as it is indexed

  // Open addressing over runs of kShortest to kLongest tokens. A slot holds 4 * end + length - 1 of
  // the run tokens_[end - length, end), or 0; the tokens themselves are the key. [power of two]
  std::vector<size_t> slots_;
  size_t used_slots_ = 0;

  size_t source_ = 0;     // the next token is guessed to be tokens_[source_]; 0: no guess
  size_t agreement_ = 0;  // tokens before source_ that equal the history's last ones, capped
  std::array<Record, 6> records_;
};

}  // namespace altteul::engine
