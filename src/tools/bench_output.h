// SPDX-License-Identifier: Apache-2.0

// What `altteul bench` found, and how it is shown: a JSON object with everything, or tables.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/probes.h"
#include "tools/bench_compare.h"
#include "tools/layer_rates.h"
#include "tools/peer_report.h"
#include "tools/series_work.h"

namespace altteul::tools {

/// All that one number of threads reached.
struct ThreadResult {
  int threads = 0;
  std::vector<SeriesRuns> series;
  std::vector<double> bandwidths;    ///< [bytes/s] read, measured once a turn
  uint64_t peak_resident_bytes = 0;  ///< of the process, when the first turn's series were done
  kernels::MeasuredPeaks peaks;
  std::vector<LayerRate> layers;  ///< measured for a roofline only
};

struct BenchReport {
  std::string model;      ///< as the user named it
  std::string command;    ///< that gives this report again
  std::string version;    ///< of the program
  std::string processor;  ///< of the machine
  std::string isa;
  std::string kv_type;
  uint64_t bytes_per_token = 0;  ///< of weights, when one token is computed
  std::vector<SeriesWork> work;  ///< of each series, in the order of results[i].series
  std::vector<ThreadResult> results;
  std::optional<Comparison> comparison;
};

/// What a median of tokens a second means in operations and bytes.
struct ReachedRates {
  double ops_per_s = 0;
  double bytes_per_s = 0;
};
ReachedRates RatesOf(const SeriesWork& work, double tokens_per_s);

/// From this many rounds on a comparison shows quartiles: of fewer they are the values themselves.
inline constexpr size_t kRoundsForQuartiles = 4;

nlohmann::ordered_json BenchJson(const BenchReport& report);
std::string BenchText(const BenchReport& report);

}  // namespace altteul::tools
