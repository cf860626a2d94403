// SPDX-License-Identifier: Apache-2.0

#include "compress/allocate.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace altteul::compress {
namespace {

std::vector<std::vector<Option>> RandomItems(size_t n_items, size_t n_options, uint64_t seed) {
  const RandomStream random(seed, "allocation");
  std::vector<std::vector<Option>> items(n_items);
  uint64_t at = 0;
  for (std::vector<Option>& options : items) {
    for (size_t o = 0; o < n_options; ++o, at += 2) {
      options.push_back({100 + random.Bits(at) % 1000,
                         static_cast<double>(random.Bits(at + 1) % 100000) / 100000});
    }
  }
  return items;
}

/// The least cost within the budget, all combinations tried.
double BestOfAll(Items items, uint64_t budget) {
  double best = 1e300;
  std::vector<size_t> picks(items.size(), 0);
  for (;;) {
    uint64_t bytes = 0;
    double cost = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      bytes += items[i][picks[i]].bytes;
      cost += items[i][picks[i]].cost;
    }
    if (bytes <= budget) best = std::min(best, cost);
    size_t i = 0;
    while (i < items.size() && ++picks[i] == items[i].size()) picks[i++] = 0;
    if (i == items.size()) return best;
  }
}

TEST(Allocate, FindsTheBestOfAllCombinations) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto items = RandomItems(6, 4, seed);
    uint64_t smallest = 0, largest = 0;
    for (const auto& options : items) {
      uint64_t least = options[0].bytes, most = 0;
      for (const Option& option : options) {
        least = std::min(least, option.bytes);
        most = std::max(most, option.bytes);
      }
      smallest += least;
      largest += most;
    }
    for (const uint64_t budget : {smallest, (2 * smallest + largest) / 3, largest}) {
      const auto allocation = AllocateWithin(items, budget);
      ASSERT_TRUE(allocation.ok());
      EXPECT_LE(allocation.value().bytes, budget);
      EXPECT_NEAR(allocation.value().cost, BestOfAll(items, budget), 1e-12)
          << seed << " " << budget;
    }
  }
}

TEST(Allocate, SaysTheSmallestSize) {
  const std::vector<std::vector<Option>> items = {{{100, 1}, {50, 2}}, {{70, 1}}};
  const auto allocation = AllocateWithin(items, 119);
  ASSERT_FALSE(allocation.ok());
  EXPECT_EQ(allocation.status().code(), ErrorCode::kDoesNotFit);
  EXPECT_NE(allocation.status().message().find("120"), std::string::npos);
  EXPECT_EQ(AllocateWithin(items, 120).value().bytes, 120u);
}

TEST(Allocate, UsesWhatRoundingLeavesOver) {
  // Large sizes, so that a granule is many bytes.
  std::vector<std::vector<Option>> items;
  for (uint64_t i = 0; i < 300; ++i) {
    items.push_back({{1'000'003 + i, 3.0}, {1'500'007 + i, 1.0 + 0.001 * static_cast<double>(i)}});
  }
  const uint64_t budget = 400'000'000;
  const auto allocation = AllocateWithin(items, budget);
  ASSERT_TRUE(allocation.ok());
  EXPECT_LE(allocation.value().bytes, budget);
  EXPECT_GT(allocation.value().bytes + 500'004, budget) << "one more would have fitted";
}

TEST(Allocate, AimsAtACost) {
  const auto items = RandomItems(30, 6, 7);
  const std::vector<Allocation> front = SizeFront(items);
  const double wanted = (front.front().cost + front.back().cost) / 2;
  const auto allocation = AllocateForCost(items, wanted);
  ASSERT_TRUE(allocation.ok());
  EXPECT_LE(allocation.value().cost, wanted);
  const auto smaller = AllocateWithin(items, allocation.value().bytes * 99 / 100);
  ASSERT_TRUE(smaller.ok());
  EXPECT_GT(smaller.value().cost, wanted) << "one percent fewer bytes would have done";
  EXPECT_FALSE(AllocateForCost(items, front.back().cost * 0.99).ok());
}

TEST(Allocate, TheFrontFallsAsItGrows) {
  const auto items = RandomItems(20, 8, 3);
  const std::vector<Allocation> front = SizeFront(items);
  ASSERT_GT(front.size(), 10u);
  for (size_t i = 1; i < front.size(); ++i) {
    EXPECT_GT(front[i].bytes, front[i - 1].bytes);
    EXPECT_LT(front[i].cost, front[i - 1].cost);
    const auto best = AllocateWithin(items, front[i].bytes);
    EXPECT_LE(best.value().cost, front[i].cost + 1e-12);
  }
}

}  // namespace
}  // namespace altteul::compress
