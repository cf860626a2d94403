// SPDX-License-Identifier: Apache-2.0

// One option for each item, so that the costs are least within a budget of bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"

namespace altteul::compress {

struct Option {
  uint64_t bytes;
  double cost;  ///< finite, not negative; costs add up
};
/// At least one option each.
using Items = std::span<const std::vector<Option>>;

struct Allocation {
  std::vector<size_t> picks;  ///< [items] the option of each
  uint64_t bytes = 0;
  double cost = 0;
};

/// The cheapest allocation of at most `budget` bytes: dynamic programming over 1/65536 of the
/// budget, each size rounded up, then exact steps with the bytes that rounding has left over.
/// @return kDoesNotFit with the smallest possible size
Result<Allocation> AllocateWithin(Items items, uint64_t budget);

/// The smallest allocation that costs at most `most_cost`.
/// @return kDoesNotFit with the smallest possible cost
Result<Allocation> AllocateForCost(Items items, double most_cost);

/// Allocations from the smallest to the best, each the cheapest of its size: the lower convex hull,
/// without those that are larger than another and cost as much.
std::vector<Allocation> SizeFront(Items items);

}  // namespace altteul::compress
