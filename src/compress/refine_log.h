// SPDX-License-Identifier: Apache-2.0

// What swaps were tried and what was measured, as text: with it work that was stopped comes back to
// the mix it had, without a measurement.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compress/mix_beliefs.h"

namespace altteul::compress {

struct LoggedSwap {
  Swap swap;                       ///< empty: the mix that was begun with
  std::vector<double> divergence;  ///< of each chunk [nats a token]
  double seconds = 0;              ///< spent on trials, up to the end of this one
};

struct RefineLog {
  std::string start;  ///< what it is about, a line
  std::vector<LoggedSwap> swaps;
  bool is_ended = false;  ///< the time was over
};

/// Every number bit for bit.
std::string RefineLogAsText(const RefineLog& log);

/// Nothing when it is no such text.
std::optional<RefineLog> RefineLogFromText(std::string_view text);

}  // namespace altteul::compress
