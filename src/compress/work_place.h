// SPDX-License-Identifier: Apache-2.0

// Where long work rests and what it says of itself.

#pragma once

#include <string>

#include "base/sinks.h"
#include "compress/work_estimate.h"
#include "compress/work_folder.h"

namespace altteul::compress {

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
