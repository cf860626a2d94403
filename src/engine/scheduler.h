// SPDX-License-Identifier: Apache-2.0

// Brings sequences and passes together: prompts and answers of many sequences share the rows of one
// pass. It owns no thread; whoever owns it asks for one pass after the other.

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/forward.h"
#include "engine/sequence.h"
#include "tensor/buffer.h"

namespace altteul::engine {

/// What was computed. One compute-second is one second of the engine's whole team.
struct Meter {
  double compute_seconds = 0;  ///< of passes and heads
  uint64_t passes = 0;
  uint64_t rows = 0;
  uint64_t logits = 0;  ///< rows that met the head
};

/// Not thread-safe; `forward` is used by one scheduler at a time.
class Scheduler {
 public:
  /// @param forward, clock  must outlive the scheduler
  Scheduler(Forward& forward, const Clock& clock) : forward_(&forward), clock_(&clock) {}

  /// From now on the sequence's rows are computed, as long as it wants any. It must stay where it
  /// is until Remove().
  void Add(Sequence& sequence) { sequences_.push_back(&sequence); }
  void Remove(Sequence& sequence);

  /// One pass. Whoever answers gets rows before those that read, at least one each while there are
  /// any; what is left goes to readers, in the order in which they came. A sequence that cannot go
  /// on ends with its own status, and the others go on; those of a pass that fails end with what it
  /// failed with, and their caches hold what they held. One for which the pool has no page waits
  /// while others compute, because they may give theirs back; alone it ends with kOutOfMemory.
  /// @return whether there was anything to compute
  bool Step();

  const Meter& meter() const { return meter_; }

 private:
  struct Share {
    Sequence* sequence;
    Sequence::Rows rows;
    size_t first_row;  // in the pass
  };

  void ShareOut();
  void Give(Sequence& sequence, size_t most);
  Status Compute();
  void TakeBack();
  void Hand(double pass_seconds, double head_seconds);
  std::span<float> LogitsOf(size_t first, size_t count);

  Forward* forward_;
  const Clock* clock_;
  std::vector<Sequence*> sequences_;
  size_t turn_ = 0;  // whose turn it is when there are more that answer than rows
  Meter meter_;

  // The pass that is running.
  std::vector<Share> shares_;
  std::vector<std::pair<Sequence*, Status>> waiting_;  // for pages
  std::vector<size_t> logit_rows_;                     // of the pass, those that meet the head
  size_t n_rows_ = 0;
  Buffer logits_;  // f32 [most rows that ever met the head at once, vocabulary]
};

}  // namespace altteul::engine
