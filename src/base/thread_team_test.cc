// SPDX-License-Identifier: Apache-2.0

#include "base/thread_team.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

namespace altteul {
namespace {

class ThreadTeamTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadTeamTest, BarrierShowsEveryThreadWhatTheOthersWrote) {
  const int n = GetParam();
  ThreadTeam team(n);
  std::vector<int> written(static_cast<size_t>(n), 0);  // plain ints: a missing barrier is a race
  std::atomic<int> wrong{0};
  for (int run = 0; run < 50; ++run) {
    team.Run([&](int thread) {
      for (int step = 1; step <= 20; ++step) {
        written[static_cast<size_t>(thread)] = run * 100 + step;
        team.Barrier();
        for (const int value : written) {
          if (value != run * 100 + step) ++wrong;
        }
        team.Barrier();
      }
    });
  }
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamTest, ::testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace altteul
