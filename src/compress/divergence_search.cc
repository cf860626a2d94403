// SPDX-License-Identifier: Apache-2.0

#include "compress/divergence_search.h"

#include <algorithm>
#include <cmath>

namespace altteul::compress {
namespace {

// Each round encodes the whole model. The second is within some percent of the bound nearly always.
constexpr size_t kMostRounds = 3;
// From here to the bound there is nothing to gain: 10 % of the divergence are 1 to 2 % of the
// bytes.
constexpr double kNearEnough = 0.9;
// Aimed at, so that a round that comes out a little higher than expected still passes.
constexpr double kAim = 0.96;

using Round = DivergenceSearch::Round;

// The expectation at which `wanted` would be measured: on the line through two rounds, or in
// proportion to one, in logarithms.
double ExpectationFor(double wanted, const Round& a, const Round& b) {
  const double rise = std::log(b.expected / a.expected);
  const double run = std::log(b.measured / a.measured);
  const double slope = rise * run > 0 ? rise / run : 1.0;
  return a.expected * std::exp(slope * std::log(wanted / a.measured));
}

}  // namespace

std::optional<double> DivergenceSearch::Next() const {
  if (rounds_.empty()) return most_;
  if (rounds_.size() >= kMostRounds) return std::nullopt;
  const auto best = Best();
  if (best && rounds_[*best].measured >= kNearEnough * most_) return std::nullopt;
  // What lost nothing tells no proportion.
  for (const Round& round : rounds_) {
    if (!(round.measured > 0) || !(round.expected > 0)) return std::nullopt;
  }
  const Round& last = rounds_.back();
  const Round& before = rounds_.size() > 1 ? rounds_[rounds_.size() - 2] : last;
  return ExpectationFor(kAim * most_, last, before);
}

bool DivergenceSearch::Tried(uint64_t bytes) const {
  return std::any_of(rounds_.begin(), rounds_.end(),
                     [&](const Round& round) { return round.bytes == bytes; });
}

std::optional<size_t> DivergenceSearch::Best() const {
  std::optional<size_t> best;
  for (size_t i = 0; i < rounds_.size(); ++i) {
    if (!(rounds_[i].measured <= most_)) continue;
    if (!best || rounds_[i].bytes < rounds_[*best].bytes) best = i;
  }
  return best;
}

}  // namespace altteul::compress
