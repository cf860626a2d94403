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
#include "text/tokenizer.h"

namespace altteul::engine {

struct GenerateOptions {
  size_t max_tokens = 0;          ///< 0: until the model ends its turn or the context is full
  bool ignore_end = false;        ///< go on behind end-of-turn tokens
  std::vector<std::string> stop;  ///< texts that end the answer; they are not part of it
};

enum class FinishReason { kEndOfTurn, kStopText, kMaxTokens, kContextFull, kCancelled };

struct Generated {
  std::vector<text::TokenId> ids;  ///< without the token that ended the turn
  std::string text;                ///< what was shown, stop text cut off
  FinishReason reason = FinishReason::kEndOfTurn;
  size_t prompt_tokens = 0;  ///< that were computed in this call
  double prompt_seconds = 0;
  double answer_seconds = 0;
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
  std::span<float> logits() { return logits_; }  ///< [vocabulary]

 private:
  Session(Forward& forward, const Clock& clock, KvCache cache);

  Forward* forward_;
  const Clock* clock_;
  KvCache cache_;
  std::vector<text::TokenId> history_;  // cache_.length() of them are computed
  std::vector<float> logits_;
};

}  // namespace altteul::engine
