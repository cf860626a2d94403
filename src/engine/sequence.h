// SPDX-License-Identifier: Apache-2.0

// One text that a model reads and goes on with: its history and cache, and, while it answers, its
// sampler, its text and what is guessed of it. It computes nothing. It says which rows the next
// pass is to have for it and takes the logits behind them; a Scheduler brings sequences and passes
// together.

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/answer_text.h"
#include "engine/kv_cache.h"
#include "engine/sampler.h"
#include "engine/speculation_pace.h"
#include "engine/speculator.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace altteul::engine {

struct GenerateOptions {
  size_t max_tokens = 0;    ///< 0: until the model ends its turn or the context is full
  bool ignore_end = false;  ///< go on behind end-of-turn tokens
  /// Texts that end the answer; they are not part of it. What is not shown counts by its text: a
  /// control token can be stopped at, alone or beside words.
  std::vector<std::string> stop;
  /// Guesses tokens, so that a pass may give several; never changes them. May be null. It serves
  /// this sequence only.
  Speculator* speculator = nullptr;
};

enum class FinishReason { kEndOfTurn, kStopText, kMaxTokens, kContextFull, kCancelled };

struct Generated {
  std::vector<text::TokenId> ids;  ///< without the token that ended the turn
  std::string text;                ///< what was shown, stop text cut off
  FinishReason reason = FinishReason::kEndOfTurn;
  size_t prompt_tokens = 0;  ///< that were computed for this answer
  double prompt_seconds = 0;
  double answer_seconds = 0;
  double compute_seconds = 0;  ///< of the engine's whole team, this sequence's share of its passes
  size_t proposed_tokens = 0;  ///< that were computed on a speculator's word
  size_t accepted_tokens = 0;  ///< of these came true
};

class Sequence {
 public:
  /// @param model, clock  must outlive the sequence
  /// @param cache         empty
  Sequence(const model::Model& model, const Clock& clock, KvCache cache);

  size_t context() const { return cache_.context(); }
  const std::vector<text::TokenId>& history() const { return history_; }
  KvCache& cache() { return cache_; }
  const KvCache& cache() const { return cache_; }

  /// Sets the whole conversation so far. What it shares with the history from the start is kept in
  /// the cache, the rest is forgotten; nothing is computed yet.
  /// @return kDoesNotFit when the prompt leaves no room for an answer, with both numbers
  Status SetPrompt(std::span<const text::TokenId> ids);

  /// Takes over from `other` what it has computed of the same beginning, without computing it anew:
  /// both then refer to the same pages. The last token stays pending.
  /// @pre both have caches of one pool, model and type
  /// @return how many tokens are not pending any more
  size_t ShareBeginning(const Sequence& other);

  /// From now on pending tokens are read, and nothing more.
  /// @param go_on  asked before each pass; when it says no, the rest stays pending. May be empty
  void BeginReading(std::function<bool()> go_on);
  /// From now on pending tokens are read, and answered.
  /// @param sampler  must live until the answer has ended
  /// @param show     asked once a token and between the passes of a long prompt
  /// @return kInvalidArgument when no prompt was set
  Status BeginAnswer(const GenerateOptions& options, Sampler& sampler, ShowText show);

  /// What the next pass is to compute: tokens behind those of the cache, and logits of the last
  /// n_logits of them. No tokens: it wants no pass any more.
  struct Rows {
    std::span<const text::TokenId> tokens;
    size_t n_logits = 0;
  };
  /// @param most  at least 1
  /// @return what a speculator failed with
  Result<Rows> NextRows(size_t most);
  /// The pass has been computed, and the cache has its rows.
  /// @param logits   [n_logits, vocabulary]; changed by sampling
  /// @param seconds  the share of the pass
  Status TakeRows(std::span<float> logits, double seconds);
  /// The pass could not be computed: the sequence ends with this.
  void Fail(Status status);

  bool wants_rows() const { return state_ == State::kReading || state_ == State::kAnswering; }
  bool is_answering() const { return state_ == State::kAnswering; }

  /// What has become of it, once it wants no rows.
  /// @return what it failed with; kCancelled for a reading that was interrupted
  Status status() const { return status_; }
  Generated TakeResult() { return std::move(result_); }

  /// Of the token behind the last one that was read, [vocabulary]; empty while a reading has not
  /// come to its end. Sampling changes them.
  std::span<float> logits() { return logits_; }

 private:
  enum class State { kIdle, kReading, kAnswering };

  size_t n_pending() const { return history_.size() - cache_.length(); }
  size_t vocabulary() const { return model_->config.vocabulary; }
  size_t CommonBeginning(std::span<const text::TokenId> ids) const;
  Status EndReading(std::span<float> logits);
  Status Answer(std::span<float> logits);
  bool TakeToken(std::span<float> logits);
  bool WasGuessed();
  Status Guess(size_t most);
  void DropGuesses(bool refuted);
  void End(FinishReason reason);

  const model::Model* model_;
  const Clock* clock_;
  KvCache cache_;
  // cache_.length() of them are computed; while guesses are pending, the cache holds those too.
  std::vector<text::TokenId> history_;
  std::vector<float> logits_;
  State state_ = State::kIdle;
  Status status_;

  // Of the answer, or the reading.
  std::function<bool()> go_on_;
  GenerateOptions options_;
  Sampler* sampler_ = nullptr;  // null: nothing is answered
  std::optional<AnswerText> text_;
  Generated result_;
  double begin_ = 0;      // of the reading, then of the answer [s]
  size_t n_to_read_ = 0;  // pending tokens at its beginning

  // The pass of an answer that is to come, or whose guesses may still come true: the history's last
  // token, then guesses. Those up to pass_[row_] came true. Else empty.
  std::vector<text::TokenId> pass_;
  size_t row_ = 0;
  std::vector<float> chances_;  // [speculator's longest]
  SpeculationPace pace_;
};

}  // namespace altteul::engine
