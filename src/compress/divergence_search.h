// SPDX-License-Identifier: Apache-2.0

// Which divergence to expect of a mix, so that the one that is measured comes out at what was asked
// for. A survey's expectation is off by a factor that changes slowly with the size, so a round or
// two of encoding, measuring and correcting find the smallest file.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

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

  /// Whether a file of so many bytes was a round already: its mix would be the same again.
  bool Tried(uint64_t bytes) const;
  /// The place among the rounds of the smallest file within the bound.
  std::optional<size_t> Best() const;
  const std::vector<Round>& rounds() const { return rounds_; }

 private:
  double most_;
  std::vector<Round> rounds_;
};

}  // namespace altteul::compress
