// SPDX-License-Identifier: Apache-2.0

#include "tools/bench_compare.h"

#include <gtest/gtest.h>

#include <string>

#include "tools/bench_output.h"

namespace altteul::tools {
namespace {

PeerReport Report(const std::string& name, std::vector<double> runs) {
  PeerReport report;
  report.series.push_back({.spec = *ParseSeriesName(name), .runs = std::move(runs)});
  return report;
}

TEST(BenchCompareTest, TheyTakeTurnsAndThePeerBegins) {
  std::string order;
  const Turn ours = [&]() -> Result<PeerReport> { return order += 'o', Report("tg8", {1}); };
  const Turn peer = [&]() -> Result<PeerReport> { return order += 'p', Report("tg8", {1}); };
  ASSERT_TRUE(TakeTurns(4, ours, peer, {}).ok());
  EXPECT_EQ(order, "pooppoop");
}

// The machine is twice as slow in the second round, for both: the ratio does not see it.
TEST(BenchCompareTest, ARatioIsTakenWithinItsRound) {
  int round_ours = 0, round_peer = 0;
  const Turn ours = [&]() -> Result<PeerReport> {
    return ++round_ours == 1 ? Report("tg8", {29, 30, 90}) : Report("tg8", {15, 15, 14});
  };
  const Turn peer = [&]() -> Result<PeerReport> {
    return ++round_peer == 1 ? Report("tg8", {10}) : Report("tg8x1", {5});
  };
  const auto comparison = TakeTurns(2, ours, peer, {});
  ASSERT_TRUE(comparison.ok());
  ASSERT_EQ(comparison.value().series.size(), 1u);
  const ComparedSeries& series = comparison.value().series.front();
  EXPECT_EQ(series.ours, (std::vector<double>{30, 15}));
  EXPECT_EQ(series.peer, (std::vector<double>{10, 5}));
  EXPECT_EQ(series.ratios, (std::vector<double>{3, 3}));
}

TEST(BenchCompareTest, WhatOnlyOneOfThemHasIsNamed) {
  PeerReport both = Report("tg8", {1});
  both.series.push_back(Report("pp9", {1}).series.front());
  PeerReport other = Report("tg8", {2});
  other.series.push_back(Report("tg8x4", {1}).series.front());
  const auto comparison = TakeTurns(
      1, [&]() -> Result<PeerReport> { return both; },
      [&]() -> Result<PeerReport> { return other; }, {});
  ASSERT_TRUE(comparison.ok());
  EXPECT_EQ(comparison.value().only_ours, std::vector<std::string>{"pp9"});
  EXPECT_EQ(comparison.value().only_peer, std::vector<std::string>{"tg8x4"});
}

TEST(BenchCompareTest, NothingInCommonIsSaidAfterTheFirstRound) {
  int turns = 0;
  const auto turn = [&](const char* name) {
    return [&turns, name]() -> Result<PeerReport> { return ++turns, Report(name, {1}); };
  };
  const Status status = TakeTurns(5, turn("tg8"), turn("tg9"), {}).status();
  EXPECT_EQ(status.message(), "nothing to compare: we measure tg8, the peer tg9");
  EXPECT_EQ(turns, 2);
}

TEST(BenchCompareTest, ASeriesThatGoesMissingIsAnError) {
  int turns = 0;
  const auto ours = []() -> Result<PeerReport> { return Report("tg8", {1}); };
  const auto peer = [&]() -> Result<PeerReport> {
    return Report(turns++ == 0 ? "tg8" : "pp8", {1});
  };
  EXPECT_EQ(TakeTurns(2, ours, peer, {}).status().code(), ErrorCode::kInvalidArgument);
}

TEST(BenchCompareTest, AFailedTurnAndAnInterruptionEndIt) {
  const auto good = []() -> Result<PeerReport> { return Report("tg8", {1}); };
  const auto bad = []() -> Result<PeerReport> { return Status(ErrorCode::kOutOfMemory, "no"); };
  EXPECT_EQ(TakeTurns(1, bad, good, {}).status().code(), ErrorCode::kOutOfMemory);
  EXPECT_EQ(TakeTurns(1, good, bad, {}).status().code(), ErrorCode::kOutOfMemory);
  const auto stop = [](uint64_t done, uint64_t) { return done < 3; };
  EXPECT_EQ(TakeTurns(9, good, good, stop).status().code(), ErrorCode::kCancelled);
}

TEST(BenchCompareTest, APeerThatFailsIsToldWithItsExitCode) {
  EXPECT_EQ(PeerTurn("exit 3")().status().message(),
            "--compare: the command ended with exit code 3");
  EXPECT_EQ(PeerTurn("echo '{\"tg8\": 4}'")().value().series.front().runs, std::vector<double>{4});
}

TEST(BenchCompareTest, TheTableShowsQuartilesFromFourRoundsOn) {
  BenchReport report;
  report.bytes_per_token = 10;
  report.work = {{.ops = 80, .weight_bytes = 40, .kv_bytes = 0, .tokens = 8}};
  report.results.push_back({.threads = 2,
                            .series = {{.spec = *ParseSeriesName("tg8"), .runs = {30}}},
                            .bandwidths = {1e9},
                            .peaks = {},
                            .layers = {}});
  double speed = 10;
  const Turn ours = []() -> Result<PeerReport> { return Report("tg8", {40}); };
  const Turn peer = [&]() -> Result<PeerReport> { return Report("tg8", {speed += 10}); };
  report.comparison = TakeTurns(3, ours, peer, {}).value();
  EXPECT_EQ(BenchText(report).find("middle half"), std::string::npos);
  EXPECT_FALSE(BenchJson(report)["compare"]["series"]["tg8"]["ratio"].contains("quartiles"));
  speed = 0;
  report.comparison = TakeTurns(4, ours, peer, {}).value();  // ratios 4, 2, 4/3, 1
  EXPECT_NE(BenchText(report).find("tg8   40.0  25.0   1.67    1.00     4.00  1.25 to 2.50"),
            std::string::npos)
      << BenchText(report);
  EXPECT_EQ(BenchJson(report)["compare"]["series"]["tg8"]["ratio"]["lowest"], 1.0);
}

}  // namespace
}  // namespace altteul::tools
