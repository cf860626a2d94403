// SPDX-License-Identifier: Apache-2.0

// Where long work rests and what it says of itself.

#pragma once

#include <cstdint>
#include <string>

#include "base/sinks.h"
#include "base/status.h"
#include "compress/work_estimate.h"
#include "compress/work_folder.h"

namespace altteul::compress {

/// Says how far work is, and asks whether it is to go on.
/// @param progress     may be empty
/// @param interrupted  the message of kCancelled
inline Status TellProgress(const ProgressSink& progress, uint64_t done, uint64_t total,
                           const char* interrupted) {
  if (progress && !progress(done, total)) return Status(ErrorCode::kCancelled, interrupted);
  return Status();
}

/// All may be null or empty.
struct WorkPlace {
  WorkFolder* folder = nullptr;      ///< outlives what is encoded
  WorkEstimate* estimate = nullptr;  ///< of the time
  ProgressSink progress = {};        ///< groups of matrices, where nothing else is said
  double snapshot_seconds = 30;      ///< of streams' walks that may have to be done again

  /// Work begins now; EndWork() says what it was, as WorkEstimate::Done() does.
  void BeginWork() const {
    if (estimate != nullptr) estimate->Begin();
  }
  void EndWork(const std::string& kind, double amount) const {
    if (estimate != nullptr) estimate->Done(kind, amount);
  }
};

}  // namespace altteul::compress
