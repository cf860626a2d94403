// SPDX-License-Identifier: Apache-2.0

// Which divergence to expect of a mix, so that the one that is measured comes out at what was asked
// for. A survey's expectation is off by a factor that changes slowly with the size, so a round or
// two of encoding, measuring and correcting find the smallest file.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"

namespace altteul::compress {

class DivergenceSearch {
 public:
  /// One mix that was encoded and judged.
  struct Round {
    double expected = 0;  ///< by the survey [nats a token]
    double measured = 0;  ///< of the encoded model [nats a token]
    uint64_t bytes = 0;   ///< of its file
  };

  /// @param most  the largest measured divergence that is accepted, positive
  explicit DivergenceSearch(double most) : most_(most) {}

  /// The divergence to plan the next round for; nothing when another round would gain too little.
  std::optional<double> Next() const;
  void Add(const Round& round) { rounds_.push_back(round); }

  /// Whether a round's file may be taken: it loses no more than the bound, or nothing at all.
  bool IsWithin(const Round& round) const;
  /// Whether a file of so many bytes was a round already: its mix would be the same again.
  bool Tried(uint64_t bytes) const;
  /// The place among the rounds of the smallest file within the bound.
  std::optional<size_t> Best() const;
  const std::vector<Round>& rounds() const { return rounds_; }

 private:
  double most_;
  std::vector<Round> rounds_;
};

/// What a search does with a mix.
struct MixMaker {
  /// Makes the file of a mix and measures its divergence [nats a token].
  std::function<Result<double>(const PlannedTypes& mix)> measure;
  /// The mix that was measured last is the best so far.
  std::function<void()> take;
};

/// Makes files until the smallest is found whose measured divergence is at most `most`.
/// @param folder  keeps what rounds gave, so that stopped work goes on with the next; may be null
/// @param log     told of each round
/// @return kQualityGate when nothing that was tried is within the bound, with the least that was
///         seen; what maker.measure and the folder return
Status SearchMix(const TypePlan& plan, double most, const MixMaker& maker, WorkFolder* folder,
                 const LogSink& log);

}  // namespace altteul::compress
