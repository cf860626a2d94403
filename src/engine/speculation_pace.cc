// SPDX-License-Identifier: Apache-2.0

#include "engine/speculation_pace.h"

#include <algorithm>

namespace altteul::engine {
namespace {

// A row beside others, in passes of one row, before any was measured. Too high rather than too low:
// what is tried first should not lose.
constexpr double kRowGuess = 0.25;

// An average that a single disturbance (another process took the core) cannot spoil.
constexpr double kWeight = 0.125;
double Averaged(double old, double seconds) {
  if (old == 0) return seconds;
  return old + kWeight * (std::min(seconds, 2 * old) - old);
}

// Passes after which a measurement is forgotten, so that an unlucky one is not believed for ever.
constexpr size_t kForget = 256;

// What guessing must promise: the estimates are no better than this.
constexpr double kMargin = 1.03;

}  // namespace

void SpeculationPace::BeginAnswer() {
  answer_seconds_ = 0;
  spent_ = 0;
  earned_ = 0;
}

size_t SpeculationPace::Choose(std::span<const float> chances) const {
  if (single_ == 0) return 0;
  const double allowance = kFreePasses * single_ + kShareToLose * answer_seconds_;
  if (spent_ - earned_ > allowance) return 0;
  size_t best = 0;
  double best_rate = kMargin / single_;
  double tokens = 1;  // the one that a single row gives too
  double alive = 1;   // the chance that all guesses so far are right
  for (size_t k = 1; k <= chances.size(); ++k) {
    alive *= static_cast<double>(chances[k - 1]);
    tokens += alive;
    const double seconds = PassSeconds(1 + k) + guess_ * static_cast<double>(k);
    if (tokens > best_rate * seconds) {
      best_rate = tokens / seconds;
      best = k;
    }
  }
  return best;
}

void SpeculationPace::RecordGuess(size_t n_tokens, double seconds) {
  guess_ = Averaged(guess_, seconds / static_cast<double>(n_tokens));
  spent_ += seconds;
  answer_seconds_ += seconds;
}

void SpeculationPace::RecordPass(size_t n_rows, double seconds) {
  ++n_passes_;
  answer_seconds_ += seconds;
  if (n_rows == 1) {
    single_ = Averaged(single_, seconds);
    return;
  }
  spent_ += seconds - single_;
  if (n_rows >= costs_.size()) costs_.resize(n_rows + 1);
  Cost& cost = costs_[n_rows];
  cost.seconds = Averaged(cost.seconds, seconds);
  cost.measured = n_passes_;
  for (Cost& other : costs_) {
    if (n_passes_ - other.measured > kForget) other.seconds = 0;
  }
}

// Between measured numbers of rows on a straight line, behind the last one on the line from one
// row.
double SpeculationPace::PassSeconds(size_t n_rows) const {
  size_t below = 1, above = n_rows;
  double below_seconds = single_;
  for (size_t n = 2; n < std::min(n_rows, costs_.size()); ++n) {
    if (costs_[n].seconds == 0) continue;
    below = n;
    below_seconds = costs_[n].seconds;
  }
  while (above < costs_.size() && costs_[above].seconds == 0) ++above;
  double row_seconds = kRowGuess * single_;
  if (above < costs_.size()) {
    // More rows never cost less; where they seem to, the smaller pass was disturbed.
    const double most = costs_[above].seconds;
    if (most <= below_seconds) return most;
    row_seconds = (most - below_seconds) / static_cast<double>(above - below);
  } else if (below > 1) {
    row_seconds = std::max(0.0, below_seconds - single_) / static_cast<double>(below - 1);
  }
  return below_seconds + row_seconds * static_cast<double>(n_rows - below);
}

}  // namespace altteul::engine
