// SPDX-License-Identifier: Apache-2.0

#include "compress/allocate.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "base/check.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

Allocation Sum(Items items, std::vector<size_t> picks) {
  Allocation allocation{.picks = std::move(picks)};
  for (size_t i = 0; i < items.size(); ++i) {
    const Option& option = items[i][allocation.picks[i]];
    allocation.bytes += option.bytes;
    allocation.cost += option.cost;
  }
  return allocation;
}

/// The smallest option of each item, the cheaper of two that are equally small.
Allocation Smallest(Items items) {
  std::vector<size_t> picks;
  for (const std::vector<Option>& options : items) {
    ALT_CHECK(!options.empty());
    const auto best =
        std::min_element(options.begin(), options.end(), [](const Option& a, const Option& b) {
          return a.bytes != b.bytes ? a.bytes < b.bytes : a.cost < b.cost;
        });
    picks.push_back(static_cast<size_t>(best - options.begin()));
  }
  return Sum(items, std::move(picks));
}

/// A change of one item's option that costs bytes and saves something.
struct Upgrade {
  size_t item = 0;
  size_t option = 0;
  double saved_per_byte = 0;
};

/// The change of one item that saves most a byte and takes at most `room` bytes.
Upgrade BestUpgrade(Items items, const Allocation& from, uint64_t room) {
  Upgrade best;
  for (size_t i = 0; i < items.size(); ++i) {
    const Option& now = items[i][from.picks[i]];
    for (size_t o = 0; o < items[i].size(); ++o) {
      const Option& other = items[i][o];
      if (other.cost >= now.cost || other.bytes > now.bytes + room) continue;
      const double more =
          other.bytes > now.bytes ? static_cast<double>(other.bytes - now.bytes) : 0.0;
      const double saved = more == 0 ? kNever : (now.cost - other.cost) / more;
      if (saved > best.saved_per_byte) best = {i, o, saved};
    }
  }
  return best;
}

void Apply(Items items, const Upgrade& upgrade, Allocation& allocation) {
  const Option& now = items[upgrade.item][allocation.picks[upgrade.item]];
  const Option& other = items[upgrade.item][upgrade.option];
  allocation.bytes = allocation.bytes - now.bytes + other.bytes;
  allocation.cost += other.cost - now.cost;
  allocation.picks[upgrade.item] = upgrade.option;
}

/// Takes the best change again and again while it fits.
void Fill(Items items, uint64_t budget, Allocation& allocation) {
  for (;;) {
    const Upgrade upgrade = BestUpgrade(items, allocation, budget - allocation.bytes);
    if (upgrade.saved_per_byte == 0) break;
    Apply(items, upgrade, allocation);
  }
  allocation = Sum(items, std::move(allocation.picks));  // without what adding has rounded
}

}  // namespace

Result<Allocation> AllocateWithin(Items items, uint64_t budget) {
  constexpr size_t kGranules = size_t{1} << 16;
  Allocation smallest = Smallest(items);
  if (smallest.bytes > budget) {
    return Status(ErrorCode::kDoesNotFit, "the smallest choice takes " +
                                              std::to_string(smallest.bytes) +
                                              " bytes, more than " + std::to_string(budget));
  }
  // What an item takes above its smallest option is what the budget is shared for.
  const uint64_t room = budget - smallest.bytes;
  const uint64_t granule = std::max<uint64_t>(1, (room + kGranules - 1) / kGranules);
  const size_t n = static_cast<size_t>(room / granule) + 1;
  std::vector<double> cost(n, 0.0), next(n);
  ALT_ASSIGN_OR_RETURN(
      Buffer memory,
      Buffer::Allocate(items.size() * n * sizeof(uint16_t),
                       "the choice for " + std::to_string(items.size()) + " tensors"));
  const std::span<uint16_t> picks = ValuesOf<uint16_t>(memory);  // [items, n]
  for (size_t i = 0; i < items.size(); ++i) {
    ALT_CHECK(items[i].size() <= std::numeric_limits<uint16_t>::max());
    const uint64_t least = items[i][smallest.picks[i]].bytes;
    std::fill(next.begin(), next.end(), kNever);
    for (size_t o = 0; o < items[i].size(); ++o) {
      const uint64_t above = (items[i][o].bytes - least + granule - 1) / granule;
      for (size_t at = static_cast<size_t>(std::min<uint64_t>(above, n)); at < n; ++at) {
        const double total = cost[at - above] + items[i][o].cost;
        if (total >= next[at]) continue;
        next[at] = total;
        picks[i * n + at] = static_cast<uint16_t>(o);
      }
    }
    cost.swap(next);
  }
  std::vector<size_t> chosen(items.size());
  size_t at = n - 1;
  for (size_t i = items.size(); i-- > 0;) {
    chosen[i] = picks[i * n + at];
    at -= static_cast<size_t>(
        (items[i][chosen[i]].bytes - items[i][smallest.picks[i]].bytes + granule - 1) / granule);
  }
  Allocation allocation = Sum(items, std::move(chosen));
  Fill(items, budget, allocation);
  // Where many items are large, the hull may beat what rounding leaves of the exact answer.
  Allocation by_slope = std::move(smallest);
  Fill(items, budget, by_slope);
  return by_slope.cost < allocation.cost ? by_slope : allocation;
}

Result<Allocation> AllocateForCost(Items items, double most_cost) {
  const std::vector<Allocation> front = SizeFront(items);
  if (front.back().cost > most_cost) {
    return Status(ErrorCode::kDoesNotFit, "the best choice costs " +
                                              std::to_string(front.back().cost) + ", more than " +
                                              std::to_string(most_cost));
  }
  // Between two neighbours of the hull: by halving, to a thousandth of their distance.
  const auto enough = std::find_if(front.begin(), front.end(),
                                   [&](const Allocation& a) { return a.cost <= most_cost; });
  Allocation best = *enough;
  if (enough == front.begin()) return best;
  uint64_t low = std::prev(enough)->bytes;
  for (int i = 0; i < 10; ++i) {
    const uint64_t middle = low + (best.bytes - low) / 2;
    ALT_ASSIGN_OR_RETURN(Allocation tried, AllocateWithin(items, middle));
    if (tried.cost <= most_cost) {
      best = std::move(tried);
    } else {
      low = middle;
    }
    if (best.bytes <= low + 1) break;
  }
  return best;
}

std::vector<Allocation> SizeFront(Items items) {
  Allocation at = Smallest(items);
  std::vector<Allocation> front = {at};
  for (;;) {
    const Upgrade upgrade = BestUpgrade(items, at, std::numeric_limits<uint32_t>::max());
    if (upgrade.saved_per_byte == 0) break;
    Apply(items, upgrade, at);
    at = Sum(items, std::move(at.picks));
    if (at.bytes == front.back().bytes) front.pop_back();
    front.push_back(at);
  }
  return front;
}

}  // namespace altteul::compress
