// SPDX-License-Identifier: Apache-2.0

// Log-softmax of one row of logits and the divergence between two.

#pragma once

#include <cstddef>
#include <span>

namespace altteul::eval {

/// What scoring needs of one row of logits.
struct RowSummary {
  double log_sum_exp = 0;  ///< ln sum_v exp(logit_v)
  size_t top = 0;          ///< lowest index of the largest logit
};

RowSummary Summarize(std::span<const float> logits);

/// sum_v p(v) (ln p(v) - ln q(v)) in nats, sums in double. Never below 0 but for rounding;
/// infinite where q forbids (-inf) what p does not.
/// @pre p.size() == q.size()
double KlDivergence(std::span<const float> p, const RowSummary& p_summary, std::span<const float> q,
                    const RowSummary& q_summary);

}  // namespace altteul::eval
