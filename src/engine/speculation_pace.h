// SPDX-License-Identifier: Apache-2.0

// How many tokens to guess before the next pass.
//
// A pass of 1 + k rows costs more than one of a single row and pays only when guesses come true.
// Both sides are measured: seconds of passes by their number of rows, seconds of a guess, and (by
// the speculator) the chance of each guess. The k with the most tokens a second wins, or none.
// Estimates err, so each answer also has an allowance: once guessing has cost it more than it
// earned by kFreePasses passes and kShareToLose of the time so far, there is no more guessing until
// the time has grown.
// Only the speed depends on any of this; see speculator.h.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace altteul::engine {

class SpeculationPace {
 public:
  static constexpr double kFreePasses = 2;      ///< single-row passes, so that a start is possible
  static constexpr double kShareToLose = 0.01;  ///< of the seconds of an answer

  /// A new answer has an allowance of its own; what was measured stays.
  void BeginAnswer();

  /// @param chances  chances[i] is how likely guess i is right if those before it are
  /// @return how many of them to guess, 0 to chances.size()
  size_t Choose(std::span<const float> chances) const;

  void RecordGuess(size_t n_tokens, double seconds);
  void RecordPass(size_t n_rows, double seconds);
  /// One guess of the last pass came true.
  void RecordHit() { earned_ += single_; }

 private:
  struct Cost {
    double seconds = 0;   // of a pass with this many rows; 0: not known
    size_t measured = 0;  // pass number
  };
  double PassSeconds(size_t n_rows) const;

  std::vector<Cost> costs_;  // [rows], from 2 on
  size_t n_passes_ = 0;
  double single_ = 0;  // seconds of a pass of one row; 0: not known
  double guess_ = 0;   // seconds to guess one token
  double answer_seconds_ = 0;
  double spent_ = 0;   // on guessing in this answer: beyond one row's pass
  double earned_ = 0;  // by guessing in this answer: passes that were not needed
};

}  // namespace altteul::engine
