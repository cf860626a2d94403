// SPDX-License-Identifier: Apache-2.0

// Which change of a mix of types is worth a measurement.
//
// Each tensor stands on a rung of a ladder: a few of its types, by size. A step of a ladder costs
// bytes and saves divergence; how much it saves is a belief, a normal number with a mean and a
// variance, which begins as what a survey expects and is corrected by every swap that was measured.
// A swap moves some tensors up and others down by a rung each, within the bytes. What it gains is
// believed to be the sum of its steps, on the text at hand. Proposed is the swap that gains most on
// average, counting only what would be taken: a gain beyond two standard errors of what other text
// would show. How large these errors are is learned too, as a variance in proportion to the squares
// of the savings that are moved about. So what was measured and not taken is not measured again
// with little beside it, but small gains that were seen are put together.
//
// Nothing here knows a model: all of it is arithmetic on numbers that are given, and the same
// numbers give the same proposals.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "compress/allocate.h"

namespace altteul::compress {

struct Rung {
  size_t option = 0;  ///< of the tensor's options
  uint64_t bytes = 0;
  double cost = 0;  ///< as a survey expects it
};

/// Rungs in ascending order of bytes and descending order of cost.
struct Ladder {
  std::vector<Rung> rungs;
  size_t at = 0;
};

/// The option that was picked, the one above it that saves most a byte and the one below it that
/// loses least a byte, where there are such.
Ladder LadderAround(std::span<const Option> options, size_t pick);

struct Move {
  size_t ladder = 0;
  bool up = false;
  auto operator<=>(const Move&) const = default;
};
/// Ascending, each ladder once.
using Swap = std::vector<Move>;

/// A measured difference of two mixes.
struct MeasuredGain {
  double mean = 0;  ///< fall of the divergence [nats a token]
  double standard_error = 0;
  /// Whether chance hardly explains it: more than two standard errors.
  bool IsSure() const { return mean > 2 * standard_error; }
};
/// Paired by chunk. With a single chunk nothing is ever sure.
/// @param before, after  divergence of each chunk, of the same length
MeasuredGain GainBetween(std::span<const double> before, std::span<const double> after);

class MixBeliefs {
 public:
  /// @param room  bytes that the mix may still grow by
  MixBeliefs(std::vector<Ladder> ladders, uint64_t room);

  /// The best swap that was not learned of since the last Take(); nothing where none gains more
  /// than `worth` on average.
  std::optional<Swap> Propose(double worth) const;

  /// What is believed of a swap. @pre the swap is possible
  double ExpectedGain(const Swap& swap) const;

  /// Corrects the steps of a swap: what was not expected is shared among them as their variances
  /// are. @param gain  on the same text every time
  void Learn(const Swap& swap, const MeasuredGain& gain);
  /// The swap becomes the mix. @pre it fits
  void Take(const Swap& swap);

  std::span<const Ladder> ladders() const { return ladders_; }
  uint64_t room() const { return room_; }

 private:
  /// Between two rungs.
  struct Belief {
    double saving = 0, variance = 0;
    double square = 0;  // of the saving that a survey expected: how far answers move
  };
  struct Candidate {
    Move move;
    uint64_t bytes = 0;  // between the rungs
    Belief gain;         // of the move: negative where it is expected to lose
  };
  struct Believed {
    double gain = 0, variance = 0, square = 0;
    int64_t bytes = 0;
  };
  using Moves = std::vector<const Candidate*>;

  std::vector<Candidate> Candidates(bool up) const;
  static std::vector<Belief> StepsOf(const Ladder& ladder);
  const Belief& StepOf(const Move& move) const;
  Belief& StepOf(const Move& move);
  Believed Sum(const Swap& swap) const;
  /// Downs until it fits, then ups while they fit. False where too many were needed.
  bool Complete(const std::vector<Candidate>& ups, const std::vector<Candidate>& downs,
                Moves& moves) const;
  double TakenGain(const Moves& moves) const;

  std::vector<Ladder> ladders_;
  std::vector<std::vector<Belief>> steps_;  // [ladders][rungs - 1]
  uint64_t room_;
  double error_variance_ = 0, squares_ = 0;  // sums over what was measured
  std::set<Swap> tried_;                     // with the mix as it is
};

}  // namespace altteul::compress
