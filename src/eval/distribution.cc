// SPDX-License-Identifier: Apache-2.0

#include "eval/distribution.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace altteul::eval {
namespace {

// Vocabularies have up to 262,144 entries, and every token scored takes three exponentials of each.
// Plain vectors and no fused multiply-add: the same bits on every machine.
constexpr size_t kLanes = 4;
using Floats = float __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));
using Doubles = double __attribute__((vector_size(16)));

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

/// The kLanes entries from `at` on; `beyond` where the row has ended.
Floats Load(std::span<const float> row, size_t at, float beyond) {
  Floats values = {beyond, beyond, beyond, beyond};
  if (at + kLanes <= row.size()) {
    __builtin_memcpy(&values, row.data() + at, sizeof values);
  } else {
    __builtin_memcpy(&values, row.data() + at, (row.size() - at) * sizeof(float));
  }
  return values;
}

/// e^x for x <= 1, within a unit in the last place; 0 below -87, where it would not be normal.
/// The polynomial is that of kernels/simd/float_math.inl.
Floats Exp(Floats x) {
  constexpr float kRound = 0x1.8p23f;  // added and taken away: rounds to a whole number
  const Floats shifted = x * 0x1.715476p+0f + kRound;
  const Floats n = shifted - kRound;
  // r = x - n ln 2; the first part of ln 2 has so few bits that its product is exact.
  const Floats r = x - n * 0x1.63p-1f - n * -0x1.bd0106p-13f;
  Floats q = 0x1.6a2434p-10f * r + 0x1.1239e2p-7f;
  q = q * r + 0x1.5558f2p-5f;
  q = q * r + 0x1.555492p-3f;
  q = q * r + 0x1.fffffcp-2f;
  const Floats e = (r * r * q + r) + 1.0f;
  const Words power = reinterpret_cast<Words>(shifted) << 23;  // n * 2^23: what rounds drops out
  const Floats scaled = reinterpret_cast<Floats>(reinterpret_cast<Words>(e) + power);
  return x < -87.0f ? Floats{} : scaled;
}

double SumOf(Doubles lanes) { return lanes[0] + lanes[1]; }
Doubles Low(Floats x) { return Doubles{x[0], x[1]}; }
Doubles High(Floats x) { return Doubles{x[2], x[3]}; }

/// The first of the largest.
size_t TopOf(std::span<const float> logits) {
  Floats largest = Load(logits, 0, kForbidden);
  for (size_t at = kLanes; at < logits.size(); at += kLanes) {
    const Floats values = Load(logits, at, kForbidden);
    largest = values > largest ? values : largest;
  }
  const float top = std::max({largest[0], largest[1], largest[2], largest[3]});
  const auto place = std::find(logits.begin(), logits.end(), top);
  return place == logits.end() ? 0 : static_cast<size_t>(place - logits.begin());  // not if NaN
}

}  // namespace

RowSummary Summarize(std::span<const float> logits) {
  RowSummary summary;
  summary.top = TopOf(logits);
  const float largest = logits[summary.top];
  Doubles low = {}, high = {};
  for (size_t at = 0; at < logits.size(); at += kLanes) {
    const Floats part = Exp(Load(logits, at, kForbidden) - largest);
    low += Low(part);
    high += High(part);
  }
  summary.log_sum_exp = static_cast<double>(largest) + std::log(SumOf(low + high));
  return summary;
}

double KlDivergence(std::span<const float> p, const RowSummary& p_summary, std::span<const float> q,
                    const RowSummary& q_summary) {
  // ln p - ln q = (p_v - q_v) - (lse_p - lse_q)
  const double shift = p_summary.log_sum_exp - q_summary.log_sum_exp;
  const auto lse = static_cast<float>(p_summary.log_sum_exp);
  Doubles low = {}, high = {};
  for (size_t at = 0; at < p.size(); at += kLanes) {
    const Floats logits = Load(p, at, kForbidden);
    const Floats probability = Exp(logits - lse);
    // 0 ln 0 = 0, also where a logit is -inf.
    const Floats from = probability == 0.0f ? Floats{} : logits;
    const Floats to = probability == 0.0f ? Floats{} : Load(q, at, 0);
    low += Low(probability) * (Low(from) - Low(to) - shift);
    high += High(probability) * (High(from) - High(to) - shift);
  }
  return SumOf(low + high);
}

}  // namespace altteul::eval
