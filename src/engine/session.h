// SPDX-License-Identifier: Apache-2.0

// One conversation with a model: a sequence that has a scheduler for itself.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/forward.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"

namespace altteul::engine {

/// Not thread-safe; `forward` is used by one session at a time.
class Session {
 public:
  /// @param forward, clock  must outlive the session
  static Result<Session> Create(Forward& forward, const Clock& clock, kernels::KvType kv_type,
                                size_t context);
  /// The same over a cache of the caller's making, empty and of at least forward.max_rows() a pass.
  static Session Create(Forward& forward, const Clock& clock, KvCache cache);

  size_t context() const { return sequence_->context(); }
  const std::vector<text::TokenId>& history() const { return sequence_->history(); }
  /// That the cache's pool has taken.
  size_t kv_bytes() const { return sequence_->cache().pool().taken_bytes(); }

  /// As Sequence::SetPrompt().
  Status SetPrompt(std::span<const text::TokenId> ids) { return sequence_->SetPrompt(ids); }

  /// Computes what is not in the cache yet and answers. `show` gets text as it becomes certain
  /// (never half a character, never a part of a stop text) and returns false to end the answer. It
  /// is asked once a token and between the passes of a long prompt, often with an empty text.
  /// @return kInvalidArgument when no prompt was set
  Result<Generated> Generate(const GenerateOptions& options, Sampler& sampler,
                             const ShowText& show);

  /// Computes pending prompt tokens; afterwards logits() are those behind the last one.
  /// @param go_on  asked between passes; when it says no, the rest stays pending. May be empty
  /// @return kCancelled when go_on said no
  Status Prefill(const std::function<bool()>& go_on = {});
  std::span<float> logits() { return sequence_->logits(); }  ///< [vocabulary]

 private:
  Session(Forward& forward, const Clock& clock, std::unique_ptr<Sequence> sequence);

  std::unique_ptr<Sequence> sequence_;  // stays where the scheduler knows it
  Scheduler scheduler_;
};

}  // namespace altteul::engine
