// SPDX-License-Identifier: Apache-2.0

#include "base/thread_team.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <stdexcept>
#include <string>
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

// A body of kSteps barriers, in which some threads throw at some place between them.
class ThrowingRun {
 public:
  static constexpr int kSteps = 4;

  explicit ThrowingRun(ThreadTeam& team) : team_(team), passed_(static_cast<size_t>(team.size())) {}

  /// @param throws_at  (thread) -> before which barrier it throws; kSteps: behind the last one
  /// @return what Run() threw
  template <typename ThrowsAt>
  std::string Run(const ThrowsAt& throws_at) {
    std::fill(passed_.begin(), passed_.end(), 0);
    try {
      team_.Run([&](int thread) {
        for (int step = 0; step <= kSteps; ++step) {
          if (throws_at(thread) == step) throw std::runtime_error(std::to_string(thread));
          if (step == kSteps) break;
          team_.Barrier();
          ++passed_[static_cast<size_t>(thread)];
        }
      });
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  /// By the body of a thread, before it threw.
  int passed(int thread) const { return passed_[static_cast<size_t>(thread)]; }

 private:
  ThreadTeam& team_;
  std::vector<int> passed_;
};

TEST_P(ThreadTeamTest, ThrowsAgainWhatOneThreadThrewWhileTheOthersGoOn) {
  ThreadTeam team(GetParam());
  ThrowingRun run(team);
  for (int round = 0; round < 5; ++round) {
    for (int thrower = 0; thrower < team.size(); ++thrower) {
      for (int at = 0; at <= ThrowingRun::kSteps; ++at) {
        const auto throws_at = [&](int thread) { return thread == thrower ? at : -1; };
        EXPECT_EQ(run.Run(throws_at), std::to_string(thrower)) << "before barrier " << at;
        for (int thread = 0; thread < team.size(); ++thread) {
          EXPECT_EQ(run.passed(thread), thread == thrower ? at : ThrowingRun::kSteps)
              << "thread " << thread << " when " << thrower << " threw before barrier " << at;
        }
      }
    }
  }
}

TEST_P(ThreadTeamTest, ThrowsOneOfSeveralExceptionsWhereverTheyWereThrown) {
  ThreadTeam team(GetParam());
  ThrowingRun run(team);
  for (int round = 0; round < 200; ++round) {
    // All threads at once or one after the other, and all but one.
    const auto throws_at = [&](int thread) {
      return thread == round % (2 * team.size()) ? -1
                                                 : thread * (round % 3) % (ThrowingRun::kSteps + 1);
    };
    const bool somebody = team.size() > 1 || throws_at(0) >= 0;
    EXPECT_EQ(run.Run(throws_at).empty(), !somebody) << "round " << round;
    // The next run, with no barrier in it, begins before all have noticed how this one ended.
    std::atomic<int> ran{0};
    team.Run([&](int /*thread*/) { ++ran; });
    EXPECT_EQ(ran, team.size());
    EXPECT_EQ(run.Run([](int /*thread*/) { return -1; }), "");
  }
}

TEST_P(ThreadTeamTest, PassesOnWhatANewWithoutMemoryThrows) {
  ThreadTeam team(GetParam());
  EXPECT_THROW(team.Run([&](int /*thread*/) { throw std::bad_alloc(); }), std::bad_alloc);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamTest, ::testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace altteul
