// SPDX-License-Identifier: Apache-2.0

// Order statistics of a few measurements. Medians and quartiles instead of means: on a shared
// machine one slow run must not move the figure.

#pragma once

#include <span>

namespace altteul {

/// The p-quantile of the sorted values, linear between neighbours (the usual "type 7").
/// @pre values is not empty and holds no NaN, 0 <= p <= 1
double Quantile(std::span<const double> values, double p);

inline double Median(std::span<const double> values) { return Quantile(values, 0.5); }

/// How far measurements lie apart.
struct Spread {
  double median = 0;
  double lowest = 0;
  double highest = 0;
  double quarter = 0;        ///< first quartile
  double three_quarter = 0;  ///< third quartile
};

/// @pre as for Quantile
Spread SpreadOf(std::span<const double> values);

}  // namespace altteul
