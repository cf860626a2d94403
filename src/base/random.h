// SPDX-License-Identifier: Apache-2.0

// Counter-based random numbers: the n-th number of a stream is a pure function of (seed, stream,
// n), so that nothing depends on who drew before. Philox 4x32-10 of Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace altteul {

/// Philox 4x32-10: 128 random bits for a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// One stream of random numbers. Cheap to copy; every method is const and thread-safe.
class RandomStream {
 public:
  /// @param purpose  what the numbers are for ("sampler", "init"): streams of one seed with
  ///                 different purposes are independent
  RandomStream(uint64_t seed, std::string_view purpose);

  uint64_t Bits(uint64_t n) const;   ///< 64 uniform bits
  double Uniform(uint64_t n) const;  ///< in [0, 1), 53 bits
  float Normal(uint64_t n) const;    ///< mean 0, variance 1 (Box-Muller)

 private:
  uint64_t seed_;
  uint64_t purpose_;
};

}  // namespace altteul
