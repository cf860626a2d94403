// SPDX-License-Identifier: Apache-2.0

#include "base/cpu_load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace altteul {
namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 4;
constexpr int kCores = 4;
constexpr double kSeconds = 5;

/// Five seconds in which four threads had four cores for themselves, and what is changed of it.
template <typename Change>
CpuLoad After(const Change& change, double cores_of_group = 0) {
  CpuReading readings[3];
  for (int i = 0; i < 3; ++i) {
    CpuReading& reading = readings[i];
    const double passed = kSeconds * i / 2;
    reading.at = 1000 + passed;
    reading.own_s = kThreads * passed;
    reading.waited_s = 0.01 * passed;
    reading.all_s = kCores * passed;
    reading.busy_s = kThreads * passed;
    reading.stolen_s = 0;
    reading.pressed_s = 0.01 * passed;
    reading.runnable = 1;
    change(passed, &reading);
  }
  return LoadBetween(readings, kThreads, kCores, cores_of_group);
}

TEST(CpuLoadTest, NothingDisturbedIsSaidAsNothing) {
  const CpuLoad load = After([](double, CpuReading*) {});
  EXPECT_EQ(load.disturbance, "");
  EXPECT_GT(load.own_share, 0.99);
  EXPECT_EQ(load.others_cores, 0.0);
  EXPECT_EQ(LoadBetween({}, kThreads, kCores, 0).disturbance, "");
}

TEST(CpuLoadTest, ThreadsThatWaitedAreTold) {
  const CpuLoad load = After([](double passed, CpuReading* reading) {
    reading->own_s = 2 * passed;
    reading->waited_s = 2 * passed;
  });
  EXPECT_NEAR(load.own_share, 0.5, 1e-9);
  EXPECT_NE(load.disturbance.find("50 % of the time"), std::string::npos) << load.disturbance;
}

TEST(CpuLoadTest, AGroupsQuotaIsTheMachine) {
  // Of four threads a quota of two cores lets each compute half of the time, now and always.
  const auto half = [](double passed, CpuReading* reading) {
    reading->own_s = 2 * passed;
    reading->busy_s = 2 * passed;
    reading->waited_s = 2 * passed;
  };
  EXPECT_EQ(After(half, 2.0).disturbance, "");
  EXPECT_NE(After(half, 3.0).disturbance, "");
}

TEST(CpuLoadTest, WhatTheHostTookIsTold) {
  const CpuLoad load = After([](double passed, CpuReading* reading) {
    reading->own_s = 3 * passed;
    reading->busy_s = 3 * passed;
    reading->stolen_s = 1 * passed;
  });
  EXPECT_NEAR(load.stolen_share, 0.25, 1e-9);
  EXPECT_NE(load.disturbance.find("the host took 25 %"), std::string::npos) << load.disturbance;
}

TEST(CpuLoadTest, OthersOnOtherCoresTakeBandwidth) {
  // Sixteen cores of which others used six: none of our threads waited.
  const CpuLoad load = After([](double passed, CpuReading* reading) {
    reading->all_s = 16 * passed;
    reading->busy_s = (kThreads + 6) * passed;
    reading->runnable = 7;
  });
  EXPECT_NEAR(load.others_cores, 6, 1e-9);
  EXPECT_NE(load.disturbance.find("other programs used 6.0 cores"), std::string::npos)
      << load.disturbance;
}

TEST(CpuLoadTest, WithoutWaitingTimesTheQueueIsAsked) {
  const auto busy = [](double passed, CpuReading* reading) {
    reading->waited_s.reset();
    reading->runnable = 3;
    reading->pressed_s = 0.9 * passed;
  };
  const CpuLoad load = After(busy);
  EXPECT_EQ(load.others_runnable, 2.0);
  EXPECT_NE(load.disturbance.find("2 of their threads"), std::string::npos) << load.disturbance;
  EXPECT_NE(load.disturbance.find("90 %"), std::string::npos) << load.disturbance;
  // One moment in which a daemon woke up is none of it.
  const CpuLoad moment = After([](double passed, CpuReading* reading) {
    reading->waited_s.reset();
    reading->runnable = passed > 4 ? 3 : 1;
  });
  EXPECT_EQ(moment.disturbance, "");
}

TEST(CpuLoadTest, MissingAndBackwardCountsTellNothing) {
  const CpuLoad missing = After(
      [](double, CpuReading* reading) { *reading = {.at = reading->at, .own_s = reading->own_s}; });
  EXPECT_EQ(missing.disturbance, "");
  const CpuLoad backwards = After([](double passed, CpuReading* reading) {
    reading->waited_s = 10 - passed;
    reading->stolen_s = 10 - passed;
  });
  EXPECT_EQ(backwards.disturbance, "");
}

TEST(CpuLoadTest, ReadsWhatTheKernelWrites) {
  std::string name = ::testing::TempDir() + "/altteul_load_XXXXXX";
  const std::string root = mkdtemp(name.data());
  const auto write = [&](const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  };
  const SteadyClock clock;
  EXPECT_FALSE(ReadCpu(clock, root).all_s);
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  write("/proc/stat",
        "cpu  100 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nprocs_running 5\n");
  write("/proc/pressure/cpu", "some avg10=77.72 avg60=28.14 avg300=18.34 total=2500000\n");
  write("/proc/self/task/1/schedstat", "9000000000 1500000000 77\n");
  write("/proc/self/task/2/schedstat", "9000000000 500000000 77\n");
  const CpuReading reading = ReadCpu(clock, root);
  EXPECT_NEAR(*reading.all_s, 621 / ticks, 1e-9);
  EXPECT_NEAR(*reading.busy_s, 163 / ticks, 1e-9);
  EXPECT_NEAR(*reading.stolen_s, 8 / ticks, 1e-9);
  EXPECT_EQ(*reading.runnable, 5.0);
  EXPECT_EQ(*reading.pressed_s, 2.5);
  EXPECT_EQ(*reading.waited_s, 2.0);
  write("/proc/stat", "cpu  x\nprocs_running\n");
  write("/proc/pressure/cpu", "some total=x\n");
  write("/proc/self/task/1/schedstat", "");
  write("/proc/self/task/2/schedstat", "1\n");
  const CpuReading hostile = ReadCpu(clock, root);
  EXPECT_FALSE(hostile.all_s || hostile.runnable || hostile.pressed_s || hostile.waited_s);
  fs::remove_all(root);
}

}  // namespace
}  // namespace altteul
