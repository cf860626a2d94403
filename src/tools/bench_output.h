// What `altteul bench` found, and how it is shown: a JSON object with everything, or tables.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/probes.h"
#include "tools/bench_compare.h"
#include "tools/peer_report.h"

namespace altteul::tools {

/// All that one number of threads reached.
struct ThreadResult {
  int threads = 0;
  std::vector<SeriesRuns> series;
  std::vector<double> bandwidths;  ///< [bytes/s] read, measured once a turn
  kernels::MeasuredPeaks peaks;
};

struct BenchReport {
  std::string model;  ///< as the user named it
  std::string isa;
  std::string kv_type;
  uint64_t bytes_per_token = 0;  ///< of weights, when one token is computed
  std::vector<ThreadResult> results;
  std::optional<Comparison> comparison;
};

nlohmann::ordered_json BenchJson(const BenchReport& report);
std::string BenchText(const BenchReport& report);

}  // namespace altteul::tools
