// SPDX-License-Identifier: Apache-2.0

// What another program measured, read from what it printed. The small protocol is bench/peers.md's:
// the last line that is a JSON object with a series in it: a series' name -> {"all": [tokens/s,
// ...]} or -> one number, and any other keys; so `altteul bench --json` of another version is a
// peer. llama-bench's
// `-o json` and `-o jsonl` are understood too.

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tools/series_spec.h"

namespace altteul::tools {

/// Tokens a second of one series, all runs; of all sequences together.
struct SeriesRuns {
  SeriesSpec spec;
  std::vector<double> runs;
};

struct PeerReport {
  std::vector<SeriesRuns> series;  ///< each once, none empty, all figures finite and above 0
  std::optional<int> threads;      ///< that the peer says it used
};

/// @param output  all that the peer printed; nothing in it is trusted
/// @return kInvalidArgument saying what is missing or wrong
Result<PeerReport> ParsePeerReport(std::string_view output);

}  // namespace altteul::tools
