// SPDX-License-Identifier: Apache-2.0

// Whatever a peer prints is refused or yields series that can be compared: each once, none empty,
// all speeds finite and above 0.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "tools/peer_report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace altteul::tools;
  const auto report = ParsePeerReport({reinterpret_cast<const char*>(data), size});
  if (!report.ok()) return 0;
  std::set<std::string> names;
  for (const SeriesRuns& series : report.value().series) {
    if (!names.insert(series.spec.Name()).second || series.runs.empty()) std::abort();
    if (ParseSeriesName(series.spec.Name()) != series.spec) std::abort();
    for (const double run : series.runs) {
      if (!std::isfinite(run) || run <= 0.0) std::abort();
    }
  }
  if (names.empty()) std::abort();
  return 0;
}
