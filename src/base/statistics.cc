// SPDX-License-Identifier: Apache-2.0

#include "base/statistics.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace altteul {

double Quantile(std::span<const double> values, double p) {
  ALT_CHECK(!values.empty() && p >= 0.0 && p <= 1.0);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = at - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

Spread SpreadOf(std::span<const double> values) {
  return {.median = Quantile(values, 0.5),
          .lowest = Quantile(values, 0.0),
          .highest = Quantile(values, 1.0),
          .quarter = Quantile(values, 0.25),
          .three_quarter = Quantile(values, 0.75)};
}

}  // namespace altteul
