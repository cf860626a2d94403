// SPDX-License-Identifier: Apache-2.0

// One conversation with a model: its cache, its history, and the loop that answers.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "engine/sampler.h"
#include "engine/speculation_pace.h"
#include "engine/speculator.h"
#include "tensor/buffer.h"
#include "text/tokenizer.h"

namespace altteul::engine {

struct GenerateOptions {
  size_t max_tokens = 0;    ///< 0: until the model ends its turn or the context is full
  bool ignore_end = false;  ///< go on behind end-of-turn tokens
  /// Texts that end the answer; they are not part of it. What is not shown counts by its text: a
  /// control token can be stopped at, alone or beside words.
  std::vector<std::string> stop;
  /// Guesses tokens, so that a pass may give several; never changes them. May be null. It serves
  /// this session only.
  Speculator* speculator = nullptr;
};

enum class FinishReason { kEndOfTurn, kStopText, kMaxTokens, kContextFull, kCancelled };

struct Generated {
  std::vector<text::TokenId> ids;  ///< without the token that ended the turn
  std::string text;                ///< what was shown, stop text cut off
  FinishReason reason = FinishReason::kEndOfTurn;
  size_t prompt_tokens = 0;  ///< that were computed in this call
  double prompt_seconds = 0;
  double answer_seconds = 0;
  size_t proposed_tokens = 0;  ///< that were computed on a speculator's word
  size_t accepted_tokens = 0;  ///< of these came true
};

/// Not thread-safe; `forward` is used by one session at a time.
class Session {
 public:
  /// @param forward, clock  must outlive the session
  static Result<Session> Create(Forward& forward, const Clock& clock, kernels::KvType kv_type,
                                size_t context);

  size_t context() const { return cache_.context(); }
  const std::vector<text::TokenId>& history() const { return history_; }
  size_t kv_bytes() const { return cache_.size_bytes(); }

  /// Sets the whole conversation so far. What it shares with the history from the start is kept in
  /// the cache, the rest is forgotten; nothing is computed yet.
  /// @return kDoesNotFit when the prompt leaves no room for an answer, with both numbers
  Status SetPrompt(std::span<const text::TokenId> ids);

  /// Computes what is not in the cache yet and answers. `show` gets text as it becomes certain
  /// (never half a character, never a part of a stop text) and returns false to end the answer. It
  /// is asked once a token and between the passes of a long prompt, often with an empty text.
  /// @return kInvalidArgument when no prompt was set
  Result<Generated> Generate(const GenerateOptions& options, Sampler& sampler,
                             const std::function<bool(std::string_view)>& show);

  /// Computes pending prompt tokens; afterwards logits() are those behind the last one.
  /// @param go_on  asked between passes; when it says no, the rest stays pending. May be empty
  /// @return kCancelled when go_on said no
  Status Prefill(const std::function<bool()>& go_on = {});
  std::span<float> logits() { return LogitsOf(row_, 1); }  ///< [vocabulary]

 private:
  class AnswerText;

  Session(Forward& forward, const Clock& clock, KvCache cache, Buffer logits);

  Status ReadPrompt(const GenerateOptions& options, const std::function<bool()>& go_on,
                    Generated* result);
  Result<bool> Step(const GenerateOptions& options, Sampler& sampler, AnswerText& text,
                    Generated* result);
  Status Advance(const GenerateOptions& options, Generated* result);
  Status Guess(const GenerateOptions& options, const Generated& result);
  void DropGuesses(Speculator* speculator, bool refuted);
  Status ReserveRows(size_t n_rows);
  std::span<float> LogitsOf(size_t first, size_t count);

  Forward* forward_;
  const Clock* clock_;
  KvCache cache_;
  // cache_.length() of them are computed; while guesses are pending, the cache holds those too.
  std::vector<text::TokenId> history_;
  Buffer logits_;   // f32 [rows of a pass that answers, vocabulary]
  size_t row_ = 0;  // the row behind the last computed token of the history

  // The last pass of an answer while some of its guesses may still come true: the history's last
  // token, then guesses. Those up to pass_[row_] came true. Else empty.
  std::vector<text::TokenId> pass_;
  std::vector<float> chances_;  // [speculator's longest]
  SpeculationPace pace_;
};

}  // namespace altteul::engine
