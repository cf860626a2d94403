// SPDX-License-Identifier: Apache-2.0

// How sure a count of right answers is, and how two sides differ on the same questions.
//
// Two accuracies with their errors hide what happened between them: a smaller model may lose forty
// questions and win thirty. Pairing looks at these flips alone, and McNemar's test asks whether
// they are as one-sided as a coin would hardly make them.

#pragma once

#include <cstddef>
#include <vector>

namespace altteul::eval {

struct Accuracy {
  size_t n = 0;
  size_t right = 0;
  double share = 0;    ///< right / n
  double stderr_ = 0;  ///< binomial: sqrt(share (1 - share) / n)
  double low = 0;      ///< Wilson's interval at 95 %: also honest for few questions and near 0 or 1
  double high = 0;
};

/// @pre 0 < n, right <= n
Accuracy AccuracyOf(size_t right, size_t n);
Accuracy AccuracyOf(const std::vector<bool>& right);

struct Flips {
  size_t n = 0;
  size_t right_to_wrong = 0;
  size_t wrong_to_right = 0;
  double difference = 0;  ///< accuracy after - accuracy before
  double stderr_ = 0;     ///< of the difference, paired
  /// McNemar's exact test, two-sided: how often a fair coin for each flip is at least as one-sided.
  /// 1 without flips.
  double p_value = 1;
};

/// @pre before.size() == after.size(), not empty
Flips PairUp(const std::vector<bool>& before, const std::vector<bool>& after);

/// @param a, b  flips in either direction
double McNemarExact(size_t a, size_t b);

}  // namespace altteul::eval
