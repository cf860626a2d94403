// SPDX-License-Identifier: Apache-2.0

// Two programs measured in one run, turn by turn. The speed of a shared machine drifts by more than
// most improvements bring, but it drifts for both: what counts is the ratio within a round.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "tools/peer_report.h"

namespace altteul::tools {

/// One series that both measured. Round by round, each figure the median of that turn's runs.
struct ComparedSeries {
  std::string name;
  std::vector<double> ours;    ///< tokens a second
  std::vector<double> peer;    ///< tokens a second
  std::vector<double> ratios;  ///< ours / peer
};

struct Comparison {
  std::string command;
  size_t n_rounds = 0;
  std::vector<ComparedSeries> series;
  std::vector<std::string> only_ours;  ///< names that the peer did not report
  std::vector<std::string> only_peer;
};

/// Measures all series once and says what it found.
using Turn = std::function<Result<PeerReport>()>;

/// The peer begins the first round, so that a wrong command is told at once; we begin the second,
/// and so on. At least one round.
/// @param progress  told before each turn, of 2 * n_rounds
/// @return kInvalidArgument when the two have no series in common, or when a series that both had
///         is missing in a later round; else what a turn returns
Result<Comparison> TakeTurns(size_t n_rounds, const Turn& ours, const Turn& peer,
                             const ProgressSink& progress);

/// A turn that runs a shell's command line and reads what it prints.
Turn PeerTurn(std::string command);

}  // namespace altteul::tools
