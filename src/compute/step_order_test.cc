// SPDX-License-Identifier: Apache-2.0

#include "compute/step_order.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace altteul::compute {
namespace {

constexpr size_t kBufferBytes = 64;
constexpr int kThreads = 2;

/// Numbers from a stream, one after another.
class Dice {
 public:
  explicit Dice(uint64_t seed) : stream_(seed, "steps") {}
  size_t Below(size_t n) { return static_cast<size_t>(stream_.Bits(i_++) % n); }

 private:
  RandomStream stream_;
  uint64_t i_ = 0;
};

struct Access {
  size_t begin, bytes;
  Sharing sharing;
  bool writes;

  bool Overlaps(const Access& other) const {
    return begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
};
using Accesses = std::vector<Access>;

/// Whether two threads may touch one byte, and one of them writes it: said once more, in full.
bool Conflict(const Access& a, const Access& b) {
  const bool each_thread_has_its_part = a.sharing.by != Sharing::By::kAnyhow &&
                                        a.sharing.by == b.sharing.by &&
                                        a.sharing.count == b.sharing.count;
  return a.Overlaps(b) && (a.writes || b.writes) && !each_thread_has_its_part;
}

bool Conflict(const Accesses& a, const Accesses& b) {
  for (const Access& of_a : a) {
    for (const Access& of_b : b) {
      if (Conflict(of_a, of_b)) return true;
    }
  }
  return false;
}

std::vector<Accesses> RandomSteps(Dice& dice) {
  const Sharing kSharings[] = {kAnyhow, ByItems(4), ByItems(8), ByColumns(4), ByColumns(8)};
  std::vector<Accesses> steps(40);
  for (Accesses& step : steps) {
    step.resize(1 + dice.Below(3));
    for (Access& access : step) {
      const size_t bytes = 1 + dice.Below(6);
      access = {.begin = dice.Below(kBufferBytes - bytes),
                .bytes = bytes,
                .sharing = kSharings[dice.Below(std::size(kSharings))],
                .writes = dice.Below(3) == 0};
    }
  }
  return steps;
}

/// [steps] whether a barrier stands in front of each.
std::vector<bool> Barriers(const std::vector<Accesses>& steps) {
  ThreadTeam team(kThreads);
  std::vector<std::byte> buffer(kBufferBytes);
  std::vector<std::vector<bool>> of_thread(kThreads, std::vector<bool>(steps.size()));
  team.Run([&](int thread) {
    StepOrder order(team);
    for (size_t i = 0; i < steps.size(); ++i) {
      for (const Access& access : steps[i]) {
        if (access.writes) {
          order.Writes(buffer.data() + access.begin, access.bytes, access.sharing);
        } else {
          order.Reads(buffer.data() + access.begin, access.bytes, access.sharing);
        }
      }
      const size_t before = order.n_barriers();
      order.Begin();
      of_thread[static_cast<size_t>(thread)][i] = order.n_barriers() != before;
    }
  });
  EXPECT_EQ(of_thread[0], of_thread[1]) << "threads wait for each other, so all must come";
  return of_thread[0];
}

// Steps since the last barrier, as brute force remembers them: all of them.
TEST(StepOrderTest, BarriersStandWhereThreadsMeetAndNowhereElse) {
  Dice dice(25);
  size_t n_barriers = 0, n_without = 0;
  for (int round = 0; round < 300; ++round) {
    const std::vector<Accesses> steps = RandomSteps(dice);
    const std::vector<bool> barriers = Barriers(steps);
    size_t first = 0, n_said = 0;  // of the steps since the last barrier
    for (size_t i = 0; i < steps.size(); ++i) {
      bool is_needed = false;
      for (size_t j = first; j < i; ++j) is_needed |= Conflict(steps[j], steps[i]);
      ASSERT_TRUE(barriers[i] || !is_needed) << "round " << round << ", step " << i;
      // It forgets nothing: where its list is nearly full, it begins a new one.
      n_said += steps[i].size();
      const bool is_full = n_said >= 32;
      ASSERT_TRUE(!barriers[i] || is_needed || is_full) << "round " << round << ", step " << i;
      if (barriers[i]) {
        first = i;
        n_said = steps[i].size();
      }
      n_barriers += barriers[i] ? 1 : 0;
      n_without += barriers[i] ? 0 : 1;
    }
  }
  EXPECT_GT(n_barriers, 1000u);
  EXPECT_GT(n_without, 1000u);
}

TEST(StepOrderTest, WhatIsReadOnlyNeedsNoBarrier) {
  ThreadTeam team(1);
  StepOrder order(team);
  const float value = 0;
  for (int i = 0; i < 10; ++i) {
    order.Reads(&value, sizeof(value), i % 2 == 0 ? kAnyhow : ByItems(3));
    order.Begin();
  }
  EXPECT_EQ(order.n_barriers(), 0u);
}

TEST(StepOrderTest, ManyStepsWithoutConflictFitIntoItsList) {
  ThreadTeam team(1);
  StepOrder order(team);
  const std::vector<float> values(1000);
  for (const float& value : values) {
    order.Writes(&value, sizeof(value), ByItems(3));
    order.Begin();
  }
  EXPECT_LE(order.n_barriers(), values.size() / 30);
}

}  // namespace
}  // namespace altteul::compute
