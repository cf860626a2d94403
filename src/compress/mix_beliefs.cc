// SPDX-License-Identifier: Apache-2.0

#include "compress/mix_beliefs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace altteul::compress {
namespace {

// How far a survey's savings are trusted: one standard deviation, as a part of the saving. A survey
// measures one type of each tensor on little text and takes the others by a law.
constexpr double kDoubt = 0.3;
// And at least this part of the mean saving of all steps, so that no step is thought to be known.
constexpr double kLeastDoubt = 0.03;
// How much steps change what others save, as a part of their own savings.
constexpr double kMutual = 0.1;
// Of one swap. Many small ones together can be told from noise where each alone cannot, but the
// more there are, the less is learned of each.
constexpr size_t kMostMoves = 12;

/// The mean of a normal gain, counted as nothing up to two standard errors of its measurement: then
/// it is not taken.
double MeanOfTaken(double mean, double variance, double error_variance) {
  const double over = mean - 2 * std::sqrt(error_variance);
  if (!(variance > 0)) return over > 0 ? mean : 0;
  const double deviation = std::sqrt(variance), z = over / deviation;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979323846);
  return mean * std::erfc(-z / std::sqrt(2.0)) / 2 + deviation * density;
}

}  // namespace

Ladder LadderAround(std::span<const Option> options, size_t pick) {
  const Option& now = options[pick];
  const auto slope = [&now](const Option& other) {
    const double bytes = static_cast<double>(std::max(now.bytes, other.bytes)) -
                         static_cast<double>(std::min(now.bytes, other.bytes));
    return std::abs(now.cost - other.cost) / bytes;
  };
  std::optional<size_t> above, below;
  for (size_t i = 0; i < options.size(); ++i) {
    const Option& other = options[i];
    if (other.bytes > now.bytes && other.cost < now.cost) {
      if (!above || slope(other) > slope(options[*above])) above = i;
    }
    if (other.bytes < now.bytes && other.cost >= now.cost) {
      if (!below || slope(other) < slope(options[*below])) below = i;
    }
  }
  Ladder ladder;
  const auto add = [&](size_t i) {
    ladder.rungs.push_back({.option = i, .bytes = options[i].bytes, .cost = options[i].cost});
  };
  if (below) add(*below);
  ladder.at = ladder.rungs.size();
  add(pick);
  if (above) add(*above);
  return ladder;
}

MeasuredGain GainBetween(std::span<const double> before, std::span<const double> after) {
  ALT_CHECK(before.size() == after.size() && !before.empty());
  const auto n = static_cast<double>(before.size());
  MeasuredGain gain;
  for (size_t i = 0; i < before.size(); ++i) gain.mean += (before[i] - after[i]) / n;
  if (before.size() == 1) {
    gain.standard_error = std::abs(gain.mean);
    return gain;
  }
  double squares = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double rest = before[i] - after[i] - gain.mean;
    squares += rest * rest;
  }
  gain.standard_error = std::sqrt(squares / (n - 1) / n);
  return gain;
}

std::vector<MixBeliefs::Belief> MixBeliefs::StepsOf(const Ladder& ladder) {
  std::vector<Belief> steps;
  for (size_t r = 0; r + 1 < ladder.rungs.size(); ++r) {
    ALT_CHECK(ladder.rungs[r].bytes < ladder.rungs[r + 1].bytes);
    steps.push_back({.saving = ladder.rungs[r].cost - ladder.rungs[r + 1].cost});
  }
  return steps;
}

MixBeliefs::MixBeliefs(std::vector<Ladder> ladders, uint64_t room)
    : ladders_(std::move(ladders)), room_(room) {
  double sum = 0;
  size_t n = 0;
  for (const Ladder& ladder : ladders_) {
    for (const Belief& step : steps_.emplace_back(StepsOf(ladder))) {
      sum += step.saving;
      ++n;
    }
  }
  const double least = n == 0 ? 0 : kLeastDoubt * sum / static_cast<double>(n);
  for (std::vector<Belief>& steps : steps_) {
    for (Belief& step : steps) {
      const double doubt = std::max(kDoubt * step.saving, least);
      step.variance = doubt * doubt;
      const double size = std::max(step.saving, least);
      step.square = size * size;
    }
  }
}

const MixBeliefs::Belief& MixBeliefs::StepOf(const Move& move) const {
  const size_t at = ladders_[move.ladder].at;
  return steps_[move.ladder][move.up ? at : at - 1];
}

MixBeliefs::Belief& MixBeliefs::StepOf(const Move& move) {
  return const_cast<Belief&>(std::as_const(*this).StepOf(move));
}

/// Those that are best for their bytes first.
std::vector<MixBeliefs::Candidate> MixBeliefs::Candidates(bool up) const {
  std::vector<Candidate> all;
  for (size_t i = 0; i < ladders_.size(); ++i) {
    const Ladder& ladder = ladders_[i];
    if (up ? ladder.at + 1 == ladder.rungs.size() : ladder.at == 0) continue;
    const Move move{.ladder = i, .up = up};
    const size_t lower = up ? ladder.at : ladder.at - 1;
    const Belief& step = StepOf(move);
    all.push_back({.move = move,
                   .bytes = ladder.rungs[lower + 1].bytes - ladder.rungs[lower].bytes,
                   .gain = {.saving = up ? step.saving : -step.saving,
                            .variance = step.variance,
                            .square = step.square}});
  }
  const auto value = [up](const Candidate& c) {
    const auto bytes = static_cast<double>(c.bytes);
    // A gain that takes few bytes, a loss that frees many.
    return up ? c.gain.saving / bytes : c.gain.saving >= 0 ? bytes : c.gain.saving / bytes;
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Candidate& a, const Candidate& b) { return value(a) > value(b); });
  return all;
}

bool MixBeliefs::Complete(const std::vector<Candidate>& ups, const std::vector<Candidate>& downs,
                          Moves& moves) const {
  auto left = static_cast<int64_t>(room_);
  const auto bytes = [](const Candidate& c) { return static_cast<int64_t>(c.bytes); };
  for (const Candidate* c : moves) left += c->move.up ? -bytes(*c) : bytes(*c);
  const auto is_free = [&](const Candidate& c) {
    return std::none_of(moves.begin(), moves.end(), [&](const Candidate* other) {
      return other->move.ladder == c.move.ladder;
    });
  };
  for (const Candidate& down : downs) {
    if (left >= 0) break;
    if (!is_free(down)) continue;
    if (moves.size() == kMostMoves) return false;
    moves.push_back(&down);
    left += bytes(down);
  }
  for (const Candidate& up : ups) {
    if (moves.size() == kMostMoves || !(up.gain.saving > 0)) break;
    if (bytes(up) > left || !is_free(up)) continue;
    moves.push_back(&up);
    left -= bytes(up);
  }
  return left >= 0;
}

double MixBeliefs::TakenGain(const Moves& moves) const {
  Belief sum;
  for (const Candidate* c : moves) {
    sum.saving += c->gain.saving;
    sum.variance += c->gain.variance;
    sum.square += c->gain.square;
  }
  const double error_per_square = squares_ > 0 ? error_variance_ / squares_ : 0;
  return MeanOfTaken(sum.saving, sum.variance, error_per_square * sum.square);
}

std::optional<Swap> MixBeliefs::Propose(double worth) const {
  const std::vector<Candidate> ups = Candidates(true), downs = Candidates(false);
  Swap best;
  Moves best_moves;
  double best_gain = worth;
  const auto consider = [&](Moves moves) {
    if (!Complete(ups, downs, moves)) return;
    const double gain = TakenGain(moves);
    if (!(gain > best_gain)) return;
    Swap swap;
    for (const Candidate* c : moves) swap.push_back(c->move);
    std::sort(swap.begin(), swap.end());
    if (tried_.count(swap) != 0) return;
    best_gain = gain;
    best = std::move(swap);
    best_moves = std::move(moves);
  };
  for (const Candidate& up : ups) {
    consider({&up});
    for (const Candidate& down : downs) {
      if (down.move.ladder != up.move.ladder) consider({&up, &down});
    }
  }
  // Gains that are believed in, but each too small to be told from chance, are shown together.
  for (size_t n = 0; n != best_moves.size() && best_moves.size() + 2 <= kMostMoves;) {
    const Moves base = best_moves;
    n = base.size();
    const auto is_free = [&base](const Candidate& c) {
      return std::none_of(base.begin(), base.end(), [&c](const Candidate* other) {
        return other->move.ladder == c.move.ladder;
      });
    };
    for (const Candidate& up : ups) {
      if (!is_free(up)) continue;
      for (const Candidate& down : downs) {
        if (up.gain.saving + down.gain.saving <= 0) continue;
        if (down.move.ladder == up.move.ladder || !is_free(down)) continue;
        Moves moves = base;
        moves.insert(moves.end(), {&up, &down});
        consider(std::move(moves));
      }
    }
  }
  return best.empty() ? std::nullopt : std::optional(std::move(best));
}

MixBeliefs::Believed MixBeliefs::Sum(const Swap& swap) const {
  Believed sum;
  for (const Move& move : swap) {
    const Ladder& ladder = ladders_[move.ladder];
    const size_t lower = move.up ? ladder.at : ladder.at - 1;
    ALT_CHECK(lower + 1 < ladder.rungs.size());
    const auto bytes =
        static_cast<int64_t>(ladder.rungs[lower + 1].bytes - ladder.rungs[lower].bytes);
    const Belief& step = StepOf(move);
    sum.gain += move.up ? step.saving : -step.saving;
    sum.variance += step.variance;
    sum.square += step.square;
    sum.bytes += move.up ? bytes : -bytes;
  }
  return sum;
}

double MixBeliefs::ExpectedGain(const Swap& swap) const { return Sum(swap).gain; }

// A Kalman filter's update, without the correlations that it would give the steps. The text is the
// same in every trial: what it has by chance belongs to the step, and only what steps do to each
// other is noise. The measurement's error is for taking alone.
void MixBeliefs::Learn(const Swap& swap, const MeasuredGain& gain) {
  tried_.insert(swap);
  const Believed believed = Sum(swap);
  error_variance_ += gain.standard_error * gain.standard_error;
  // Where a survey was far off, what was measured says how far answers move.
  squares_ += std::max(believed.square, gain.mean * gain.mean);
  const double total = believed.variance + kMutual * kMutual * believed.square;
  if (!(total > 0)) return;
  const double surprise = gain.mean - believed.gain;
  for (const Move& move : swap) {
    Belief& step = StepOf(move);
    const double share = step.variance / total;
    step.saving += (move.up ? share : -share) * surprise;
    step.variance *= 1 - share;
  }
}

void MixBeliefs::Take(const Swap& swap) {
  const int64_t bytes = Sum(swap).bytes;
  ALT_CHECK(bytes <= static_cast<int64_t>(room_));
  room_ = static_cast<uint64_t>(static_cast<int64_t>(room_) - bytes);
  for (const Move& move : swap) {
    size_t& at = ladders_[move.ladder].at;
    at = move.up ? at + 1 : at - 1;
  }
  tried_.clear();
}

}  // namespace altteul::compress
