// SPDX-License-Identifier: Apache-2.0

#include "eval/paired.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace altteul::eval {
namespace {

constexpr double kZ95 = 1.959963984540054;  // a normal number is within +-this 95 times in 100

}  // namespace

Accuracy AccuracyOf(size_t right, size_t n) {
  ALT_CHECK(n > 0 && right <= n);
  Accuracy out{.n = n, .right = right};
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(right) / count;
  out.share = p;
  out.stderr_ = std::sqrt(p * (1 - p) / count);
  // Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
  const double z2 = kZ95 * kZ95;
  const double middle = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      kZ95 / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  // The ends are exact where all or none are right; rounding may not move them past.
  out.low = right == 0 ? 0 : std::max(0.0, middle - half);
  out.high = right == n ? 1 : std::min(1.0, middle + half);
  return out;
}

Accuracy AccuracyOf(const std::vector<bool>& right) {
  return AccuracyOf(static_cast<size_t>(std::count(right.begin(), right.end(), true)),
                    right.size());
}

Flips PairUp(const std::vector<bool>& before, const std::vector<bool>& after) {
  ALT_CHECK(!before.empty() && before.size() == after.size());
  Flips out{.n = before.size()};
  for (size_t i = 0; i < before.size(); ++i) {
    out.right_to_wrong += before[i] && !after[i];
    out.wrong_to_right += !before[i] && after[i];
  }
  const auto n = static_cast<double>(out.n);
  const auto lost = static_cast<double>(out.right_to_wrong);
  const auto won = static_cast<double>(out.wrong_to_right);
  out.difference = (won - lost) / n;
  // Each question adds -1, 0 or 1; the mean of the squares is (lost + won) / n.
  out.stderr_ = std::sqrt(std::max(0.0, (lost + won) / n - out.difference * out.difference) / n);
  out.p_value = McNemarExact(out.right_to_wrong, out.wrong_to_right);
  return out;
}

double McNemarExact(size_t a, size_t b) {
  const size_t n = a + b, k = std::min(a, b);
  if (a == b) return 1;
  // 2 sum_{i <= k} C(n, i) / 2^n, term after term as logarithms: 2^-n alone may be no double.
  double log_term = -static_cast<double>(n) * std::log(2.0);
  double sum = std::exp(log_term);
  for (size_t i = 1; i <= k; ++i) {
    log_term += std::log(static_cast<double>(n - i + 1) / static_cast<double>(i));
    sum += std::exp(log_term);
  }
  return std::min(1.0, 2 * sum);
}

}  // namespace altteul::eval
