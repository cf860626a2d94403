#include "eval/distribution.h"

#include <algorithm>
#include <cmath>

namespace altteul::eval {

RowSummary Summarize(std::span<const float> logits) {
  RowSummary summary;
  summary.top =
      static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  const float largest = logits[summary.top];
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - largest));
  summary.log_sum_exp = static_cast<double>(largest) + std::log(sum);
  return summary;
}

double KlDivergence(std::span<const float> p, const RowSummary& p_summary, std::span<const float> q,
                    const RowSummary& q_summary) {
  // ln p - ln q = (p_v - q_v) - (lse_p - lse_q)
  const double shift = p_summary.log_sum_exp - q_summary.log_sum_exp;
  const auto lse = static_cast<float>(p_summary.log_sum_exp);
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) {
    const auto probability = static_cast<double>(std::exp(p[v] - lse));
    if (probability == 0.0) continue;  // 0 ln 0 = 0, also where a logit is -inf
    sum += probability * (static_cast<double>(p[v]) - static_cast<double>(q[v]) - shift);
  }
  return sum;
}

}  // namespace altteul::eval
