// SPDX-License-Identifier: Apache-2.0

#include "compress/mix_beliefs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/random.h"

namespace altteul::compress {
namespace {

constexpr size_t kChunks = 16;

/// Tensors of which the truth is known beside what a survey would say.
struct World {
  std::vector<std::vector<Option>> truth, believed;  // [tensors][rungs]
  uint64_t budget = 0;

  std::vector<size_t> start;

  /// Costs fall with bytes as they do with bits: by four for each; sizes differ by up to four
  /// times. A survey is wrong by `error`, as a normal exponent of e.
  World(uint64_t seed, size_t n, double error) {
    const RandomStream random(seed, "world");
    for (size_t i = 0; i < n; ++i) {
      const auto unit = static_cast<uint64_t>(1 + i % 4);
      const double weight = std::exp(static_cast<double>(random.Normal(3 * i)));
      std::vector<Option> is, seems;
      for (uint64_t bits = 2; bits <= 4; ++bits) {
        const double cost = weight * std::pow(4.0, -static_cast<double>(bits));
        const double wrong =
            std::exp(error * static_cast<double>(random.Normal(1000 + 8 * i + bits)));
        is.push_back({bits * unit, cost});
        seems.push_back({bits * unit, cost * wrong});
      }
      // As costs of a ladder do, they fall all the same.
      for (size_t r = 1; r < seems.size(); ++r) {
        seems[r].cost = std::min(seems[r].cost, 0.9 * seems[r - 1].cost);
      }
      truth.push_back(is);
      believed.push_back(seems);
      budget += 3 * unit;
    }
    start = AllocateWithin(believed, budget).value().picks;
  }

  double TrueCost(std::span<const size_t> picks) const {
    double sum = 0;
    for (size_t i = 0; i < picks.size(); ++i) sum += truth[i][picks[i]].cost;
    return sum;
  }
  uint64_t Bytes(std::span<const size_t> picks) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < picks.size(); ++i) sum += truth[i][picks[i]].bytes;
    return sum;
  }
  /// Ladders of all rungs.
  MixBeliefs Beliefs() const {
    std::vector<Ladder> ladders;
    for (size_t i = 0; i < believed.size(); ++i) {
      Ladder ladder{.rungs = {}, .at = start[i]};
      for (size_t r = 0; r < believed[i].size(); ++r) {
        ladder.rungs.push_back({r, believed[i][r].bytes, believed[i][r].cost});
      }
      ladders.push_back(std::move(ladder));
    }
    return MixBeliefs(std::move(ladders), budget - Bytes(start));
  }
};

std::vector<size_t> PicksOf(const MixBeliefs& beliefs) {
  std::vector<size_t> picks;
  for (const Ladder& ladder : beliefs.ladders()) picks.push_back(ladder.rungs[ladder.at].option);
  return picks;
}

std::vector<size_t> Moved(std::vector<size_t> picks, const Swap& swap) {
  for (const Move& move : swap) picks[move.ladder] += move.up ? 1 : size_t(-1);
  return picks;
}

struct Course {
  std::vector<size_t> picks;
  size_t tried = 0, taken = 0;
  size_t moved_at_once = 0;  // by what was taken, at most
};

/// What a text of kChunks chunks shows of a mix. Each tensor's cost on a chunk is its own, the same
/// whenever it is measured.
/// @param noise  one standard deviation of a chunk, as a part of the cost
std::vector<double> CostsOnText(const World& world, std::span<const size_t> picks, double noise,
                                uint64_t seed) {
  const RandomStream random(seed, "text");
  std::vector<double> costs(kChunks);
  for (size_t i = 0; i < picks.size(); ++i) {
    for (size_t chunk = 0; chunk < kChunks; ++chunk) {
      const uint64_t place = (i * 8 + picks[i]) * kChunks + chunk;
      costs[chunk] +=
          world.truth[i][picks[i]].cost * (1 + noise * static_cast<double>(random.Normal(place)));
    }
  }
  return costs;
}

/// Tries swaps as they are proposed.
Course Refine(const World& world, double noise, size_t most, uint64_t seed) {
  MixBeliefs beliefs = world.Beliefs();
  Course course;
  while (course.tried < most) {
    const auto swap = beliefs.Propose(1e-9);
    if (!swap) break;
    const auto before = PicksOf(beliefs), after = Moved(before, *swap);
    EXPECT_LE(world.Bytes(after), world.budget);
    const MeasuredGain gain = GainBetween(CostsOnText(world, before, noise, seed),
                                          CostsOnText(world, after, noise, seed));
    beliefs.Learn(*swap, gain);
    ++course.tried;
    if (!gain.IsSure()) continue;
    beliefs.Take(*swap);
    ++course.taken;
    course.moved_at_once = std::max(course.moved_at_once, swap->size());
    EXPECT_EQ(PicksOf(beliefs), after);
    EXPECT_EQ(beliefs.room(), world.budget - world.Bytes(after));
  }
  course.picks = PicksOf(beliefs);
  return course;
}

TEST(LadderAroundTest, NeighboursAreThoseThatPayMost) {
  // Bytes and costs; 40 at 8 is taken. Above, 60 saves 0.25 a byte and 45 saves 0.2; below, 30
  // loses 0.2 a byte and 20 loses 0.25; 35 is larger than 30 and costs more, 50 costs as much as 40
  // does.
  const std::vector<Option> options = {{60, 3},  {35, 11}, {40, 8}, {45, 7},
                                       {20, 13}, {30, 10}, {50, 8}, {90, 0}};
  const Ladder ladder = LadderAround(options, 2);
  ASSERT_EQ(ladder.rungs.size(), 3u);
  EXPECT_EQ(ladder.at, 1u);
  EXPECT_EQ(ladder.rungs[0].option, 5u);
  EXPECT_EQ(ladder.rungs[1].option, 2u);
  EXPECT_EQ(ladder.rungs[2].option, 0u);
  EXPECT_EQ(LadderAround(options, 7).rungs.size(), 2u) << "nothing is above the largest";
  const Ladder smallest = LadderAround(options, 4);
  EXPECT_EQ(smallest.at, 0u);
  EXPECT_EQ(smallest.rungs.size(), 2u);
}

TEST(GainBetweenTest, ErrorsAreOfPairedDifferences) {
  // Chunks differ by much, the differences 1, 2, 3 by little.
  const std::vector<double> before = {11, 102, 1003}, after = {10, 100, 1000};
  const MeasuredGain gain = GainBetween(before, after);
  EXPECT_DOUBLE_EQ(gain.mean, 2);
  EXPECT_NEAR(gain.standard_error, 1 / std::sqrt(3.0), 1e-12);
  EXPECT_TRUE(gain.IsSure());
  EXPECT_FALSE(GainBetween(after, before).IsSure());
  EXPECT_FALSE(GainBetween(before, before).IsSure());
  EXPECT_FALSE(GainBetween(std::vector{2.0}, std::vector{1.0}).IsSure())
      << "one chunk says nothing";
}

TEST(MixBeliefsTest, WrongSurveysAreMadeUpFor) {
  double lost = 0, left = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const World world(seed, 24, 0.3);
    const double best = AllocateWithin(world.truth, world.budget).value().cost;
    const Course course = Refine(world, 0, 400, seed);
    EXPECT_LE(world.TrueCost(course.picks), world.TrueCost(world.start)) << seed;
    EXPECT_LE(world.Bytes(course.picks), world.budget);
    lost += world.TrueCost(world.start) - best;
    left += world.TrueCost(course.picks) - best;
  }
  EXPECT_GT(lost, 0);
  // Moves of eight tensors at most may leave a little.
  EXPECT_LT(left, 0.1 * lost);
}

TEST(MixBeliefsTest, TwoTensorsThatWereMistakenForEachOtherAreSwapped) {
  // The survey took the costs of one for those of the other, nearly.
  const std::vector<Ladder> ladders = {{.rungs = {{0, 10, 1.0}, {1, 20, 0.10}}, .at = 1},
                                       {.rungs = {{0, 10, 0.9}, {1, 20, 0.09}}, .at = 0}};
  MixBeliefs beliefs(ladders, 0);
  const auto swap = beliefs.Propose(0);
  ASSERT_TRUE(swap.has_value());
  EXPECT_EQ(*swap, (Swap{{.ladder = 0, .up = false}, {.ladder = 1, .up = true}}));
  EXPECT_LT(beliefs.ExpectedGain(*swap), 0);
  beliefs.Learn(*swap, {.mean = 0.5, .standard_error = 0.01});
  EXPECT_NEAR(beliefs.ExpectedGain(*swap), 0.5, 0.1);
  beliefs.Take(*swap);
  EXPECT_EQ(PicksOf(beliefs), (std::vector<size_t>{0, 1}));
  EXPECT_FALSE(beliefs.Propose(0.01).has_value()) << "the way back is known to lose";
}

TEST(MixBeliefsTest, StepsThatFitComeFirstAndWhatGainsLittleNotAtAll) {
  // A step up that fits into the room, beside a swap that is believed to gain less.
  const std::vector<Ladder> ladders = {{.rungs = {{0, 10, 1.0}, {1, 20, 0.5}}, .at = 0},
                                       {.rungs = {{0, 10, 0.4}, {1, 30, 0.1}}, .at = 1}};
  MixBeliefs beliefs(ladders, 10);
  const auto swap = beliefs.Propose(0);
  ASSERT_TRUE(swap.has_value());
  EXPECT_EQ(*swap, (Swap{{.ladder = 0, .up = true}}));
  EXPECT_FALSE(beliefs.Propose(1).has_value()) << "it is worth less than 1";
}

TEST(MixBeliefsTest, NoSwapIsTriedTwiceWithTheSameMix) {
  const World world(3, 6, 0.3);
  MixBeliefs beliefs = world.Beliefs();
  std::set<Swap> tried;
  while (const auto swap = beliefs.Propose(0)) {
    ASSERT_TRUE(tried.insert(*swap).second);
    // What was believed, so that little changes.
    beliefs.Learn(*swap, {.mean = beliefs.ExpectedGain(*swap), .standard_error = 0.01});
  }
  EXPECT_GT(tried.size(), 6u);
}

TEST(MixBeliefsTest, BeliefsThatWereRightStayAndChanceIsSeldomTaken) {
  // The survey is right, so that no swap gains; what is measured is what a text has by chance.
  size_t tried = 0, taken = 0;
  double worse = 0, all = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const World world(seed, 24, 0);
    const Course course = Refine(world, 1, 30, seed);
    tried += course.tried;
    taken += course.taken;
    worse += world.TrueCost(course.picks) - world.TrueCost(world.start);
    all += world.TrueCost(world.start);
  }
  EXPECT_GT(tried, 100u);
  // Chance alone is beyond two standard errors once in 31 times, and it is looked for here.
  EXPECT_LT(static_cast<double>(taken), 0.1 * static_cast<double>(tried)) << "of " << tried;
  EXPECT_LT(worse, 0.01 * all);
}

TEST(MixBeliefsTest, GainsAreFoundThroughChance) {
  double lost = 0, left = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const World world(seed, 24, 0.5);
    const double best = AllocateWithin(world.truth, world.budget).value().cost;
    const Course course = Refine(world, 0.5, 100, seed);
    lost += world.TrueCost(world.start) - best;
    left += world.TrueCost(course.picks) - best;
  }
  EXPECT_LT(left, 0.5 * lost);
}

TEST(MixBeliefsTest, TwoSwapsThatWereSeenAndNotTakenAreProposedAsOne) {
  const Ladder low = {.rungs = {{0, 10, 1.0}, {1, 20, 0.5}}, .at = 0};
  const Ladder high = {.rungs = {{0, 10, 1.0}, {1, 20, 0.5}}, .at = 1};
  MixBeliefs beliefs({low, high, low, high}, 0);
  const Swap one = {{.ladder = 0, .up = true}, {.ladder = 1, .up = false}};
  const Swap other = {{.ladder = 2, .up = true}, {.ladder = 3, .up = false}};
  const MeasuredGain unsure{.mean = 0.2, .standard_error = 0.15};
  ASSERT_FALSE(unsure.IsSure());
  beliefs.Learn(one, unsure);
  beliefs.Learn(other, unsure);
  const auto swap = beliefs.Propose(0);
  ASSERT_TRUE(swap.has_value());
  EXPECT_EQ(*swap, (Swap{one[0], one[1], other[0], other[1]}));
}

// As it is on real text: two standard errors of a single swap are more than it gains.
TEST(MixBeliefsTest, SmallGainsThatWereSeenAreTakenTogether) {
  size_t together = 0;
  double lost = 0, left = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const World world(seed, 60, 0.4);
    const double best = AllocateWithin(world.truth, world.budget).value().cost;
    const Course course = Refine(world, 1, 60, seed);
    together += course.moved_at_once > 4;
    lost += world.TrueCost(world.start) - best;
    left += world.TrueCost(course.picks) - best;
  }
  EXPECT_GT(together, 0u);
  EXPECT_LT(left, 0.8 * lost);
}

}  // namespace
}  // namespace altteul::compress
