// SPDX-License-Identifier: Apache-2.0

// How items are divided among threads: one rule for every layer. Files compiled for one instruction
// set include this, so it has no need of the standard library, and no copy of the function is ever
// theirs to hand to the rest of the program.

#pragma once

#include <cstddef>

namespace altteul {

/// Items [begin, end).
struct Share {
  size_t begin;
  size_t end;
};

/// The share of `count` items that falls to `thread`, in multiples of `grain` (the last share takes
/// the rest). Shares are contiguous and ascending.
/// @pre grain > 0, 0 <= thread < n_threads
[[gnu::always_inline]] constexpr Share ShareOf(size_t count, size_t grain, int thread,
                                               int n_threads) {
  const size_t n_grains = (count + grain - 1) / grain;
  const size_t n = static_cast<size_t>(n_threads), t = static_cast<size_t>(thread);
  const size_t end = n_grains * (t + 1) / n * grain;
  return {n_grains * t / n * grain, end < count ? end : count};
}

}  // namespace altteul
