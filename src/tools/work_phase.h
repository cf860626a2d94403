// SPDX-License-Identifier: Apache-2.0

// A phase of long work: where it rests, how far it is, and what it says of its time.

#pragma once

#include <cstdio>
#include <string>

#include "base/clock.h"
#include "base/human_units.h"
#include "compress/work_estimate.h"
#include "compress/work_folder.h"
#include "tools/runtime.h"

namespace altteul::tools {

/// What it takes is said on standard error beforehand and at its end.
class WorkPhase {
 public:
  /// @param doing     "Encoding"
  /// @param progress  "encoding group", as TerminalProgress() takes it
  /// @param clock     outlives this
  /// @param folder    may be null
  WorkPhase(const char* doing, const char* progress, const Clock& clock,
            compress::WorkFolder* folder)
      : doing_(doing),
        clock_(clock),
        begin_(clock.Seconds()),
        estimate_(clock, [this](double seconds) { Tell(seconds); }) {
    place_.folder = folder;
    place_.estimate = &estimate_;
    place_.progress = TimedProgress(progress, [this] { return estimate_.SecondsLeft(); });
  }
  /// The work is done.
  void Finish() const {
    const double took = clock_.Seconds() - begin_;
    if (expected_ < kWorthTelling && took < kWorthTelling) return;
    std::fprintf(stderr, "%s took %s, expected were %s\n", doing_, FormatDuration(took).c_str(),
                 FormatDuration(expected_).c_str());
  }
  WorkPhase(const WorkPhase&) = delete;
  WorkPhase& operator=(const WorkPhase&) = delete;

  const compress::WorkPlace& place() const { return place_; }

 private:
  static constexpr double kWorthTelling = 10;  // seconds

  void Tell(double seconds) {
    expected_ = clock_.Seconds() - begin_ + seconds;
    if (expected_ < kWorthTelling) return;
    std::fprintf(stderr, "%s will take about %s\n", doing_, FormatDuration(expected_).c_str());
  }

  const char* doing_;
  const Clock& clock_;
  double begin_, expected_ = 0;
  compress::WorkEstimate estimate_;
  compress::WorkPlace place_;
};

}  // namespace altteul::tools
