// SPDX-License-Identifier: Apache-2.0

#include "plan/gap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "plan/chips.h"
#include "plan/gap_trace.h"

namespace altteul::plan {
namespace {

const DataTables& BuiltIn() {
  static const DataTables* tables = new DataTables(LoadDataTables("").value());
  return *tables;
}

GapReport Ask(const GapQuestion& question) {
  auto report = FindGap(BuiltIn(), question, "2026-11-29");
  EXPECT_TRUE(report.ok()) << report.status().message();
  return std::move(report).value();
}

GapQuestion SmallMachine() {
  GapQuestion question;
  // Two cores of a server: what `doctor` measures on the machine that this was written on.
  question.machine =
      MeasuredMachine{.processor = "two cores", .int8_ops_per_s = 0.94e12, .bytes_per_s = 32e9};
  return question;
}

const Landmark* Find(const GapReport& report, const std::string& name, bool share = false) {
  for (const Landmark& landmark : report.landmarks) {
    if (landmark.name.find(name) != std::string::npos && landmark.divisor.has_value() == share) {
      return &landmark;
    }
  }
  return nullptr;
}

TEST(GapTest, RanksAreThoseOfTheSource) {
  const GapReport report = Ask(SmallMachine());
  EXPECT_EQ(report.clusters.value, 451);
  EXPECT_EQ(report.public_clusters.value, 130);
  // Alps shares its place with a private cluster of as many chips.
  const struct {
    const char* name;
    double rank, h100e;
  } kKnown[] = {{"Jupiter", 13, 23536},    {"Alps", 22, 10752},    {"Frontier", 39, 7283},
                {"Isambard-AI", 43, 5448}, {"Leonardo", 53, 4359}, {"LUMI", 86, 2305},
                {"Perlmutter", 87, 2260},  {"JUWELS", 119, 1181}};
  for (const auto& known : kKnown) {
    const Landmark* landmark = Find(report, known.name);
    ASSERT_NE(landmark, nullptr) << known.name;
    EXPECT_EQ(landmark->rank->value, known.rank) << known.name;
    EXPECT_NEAR(landmark->h100e.value, known.h100e, 0.6) << known.name;
  }
  const Landmark* share = Find(report, "Leonardo", /*share=*/true);
  ASSERT_NE(share, nullptr);
  EXPECT_NEAR(share->h100e.value, 161.4, 0.1);
  EXPECT_EQ(share->divisor->value, 27);
}

TEST(GapTest, NationsAreThoseOfTheSource) {
  const GapReport report = Ask({});
  std::map<std::string, double> total_public;
  double sum = 0;
  for (const Cluster& cluster : BuiltIn().clusters) {
    if (cluster.sector != "public") continue;
    total_public[cluster.country] += cluster.h100e;
    sum += cluster.h100e;
  }
  const std::pair<const char*, double> kKnown[] = {
      {"US", 43.0}, {"DE", 16.2}, {"CN", 9.3}, {"CH", 6.8}, {"JP", 6.8},
      {"FR", 4.2},  {"GB", 3.6},  {"IT", 2.9}, {"ES", 2.8}, {"FI", 1.5}};
  for (const auto& [code, percent] : kKnown) {
    EXPECT_NEAR(100 * total_public[code] / sum, percent, 0.05) << code;
  }
  ASSERT_GE(report.nations.size(), 30u);
  EXPECT_EQ(report.nations[0].country, "US");
  EXPECT_EQ(report.nations[1].country, "CN");
  EXPECT_NEAR(report.nations[0].share.value, 73.5, 0.5);  // of rows that name a country
}

TEST(GapTest, AMachineIsSmallerByArithmeticThanByBandwidth) {
  const GapReport report = Ask(SmallMachine());
  ASSERT_EQ(report.parts.size(), 1u);
  EXPECT_NEAR(1 / report.arithmetic->value, 1979 / 0.94, 0.01);
  EXPECT_NEAR(1 / report.bandwidth->value, 3350.0 / 32, 0.01);
  EXPECT_EQ(report.public_place->value, 131) << "below all public clusters";
  EXPECT_EQ(report.place->value, 452);
  ASSERT_TRUE(report.rich);
  EXPECT_NEAR(report.rich->fewer->value, 20000 * 1979 / 0.94, 1);
}

TEST(GapTest, OwnedRentedAndBudgetAddUp) {
  GapQuestion question;
  question.owned = ParseOwned(BuiltIn().chips, "4x RTX 3090").value();
  question.rented = ParseRented(BuiltIn().chips, "500 H100-hours/month").value();
  question.budget = ParseBudget("5000usd").value();
  const GapReport report = Ask(question);
  ASSERT_EQ(report.parts.size(), 3u);
  const double owned = 4 * 284.0 / 1979;
  const double rented = 500 / (365.25 * 2);
  ASSERT_EQ(report.offers.h100.size(), 3u);
  EXPECT_LE(report.offers.h100[0].usd_per_hour.value, report.offers.h100[1].usd_per_hour.value);
  EXPECT_LE(report.offers.h100[1].usd_per_hour.value, report.offers.h100[2].usd_per_hour.value);
  const double bought = 5000 / report.offers.h100[1].usd_per_hour.value / (365.25 * 24);
  EXPECT_NEAR(report.parts[0].arithmetic->value, owned, 1e-12);
  EXPECT_NEAR(report.parts[1].arithmetic->value, rented, 1e-12);
  EXPECT_NEAR(report.parts[2].arithmetic->value, bought, 1e-12);
  EXPECT_NEAR(report.arithmetic->value, owned + rented + bought, 1e-12);
  EXPECT_NEAR(report.bandwidth->value, 4 * 936.0 / 3350 + rented + bought, 1e-12);
  EXPECT_FALSE(report.arithmetic_is_partial);
}

TEST(GapTest, ASinglePriceIsShownOnce) {
  std::vector<NamedText> texts(EmbeddedTables().begin(), EmbeddedTables().end());
  for (NamedText& text : texts) {
    if (text.name != "rent.csv") continue;
    text.text =
        "provider,chip,usd_per_gpu_hour,kind,date,source,license,confidence\n"
        "dealer,H100,1.25,on demand,2026-11-01,an invoice,own,high\n";
  }
  const DataTables tables = ParseDataTables(texts).value();
  GapQuestion question;
  question.budget = ParseBudget("300usd/month").value();
  const auto report = FindGap(tables, question, "2026-11-29");
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_EQ(report.value().offers.h100.size(), 1u);
  EXPECT_EQ(report.value().offers.h100[0].hours.value, 240);
  EXPECT_TRUE(report.value().offers.thrifty.empty());
}

TEST(GapTest, WhatIsNotKnownOfAChipIsSaid) {
  GapQuestion question;
  question.owned = ParseOwned(BuiltIn().chips, "1x M4 Max, 1x RTX 3090").value();
  const GapReport report = Ask(question);
  EXPECT_TRUE(report.arithmetic_is_partial);
  EXPECT_FALSE(report.bandwidth_is_partial);
  EXPECT_FALSE(report.parts[0].arithmetic);
  EXPECT_NEAR(report.bandwidth->value, (546 + 936.0) / 3350, 1e-12);
}

TEST(GapTest, TheLargestThatMayBeAskedIsFinite) {
  GapQuestion question;
  question.owned = ParseOwned(BuiltIn().chips, "1000000x TPU v7").value();
  question.rented = ParseRented(BuiltIn().chips, "8766000000 H100-hours/year").value();
  question.budget = ParseBudget("1000000000000usd/day").value();
  const GapReport report = Ask(question);
  EXPECT_TRUE(std::isfinite(report.arithmetic->value));
  EXPECT_EQ(report.place->value, 1);
  for (const Landmark& landmark : report.landmarks) EXPECT_LT(landmark.fewer->value, 1);
}

TEST(GapTest, ACountryBringsItsProgrammesForward) {
  GapQuestion question;
  question.country = "KR";
  const GapReport korea = Ask(question);
  ASSERT_TRUE(korea.nation);
  EXPECT_GT(korea.nation->clusters.value, 5);
  const ProgrammeView& first = korea.programmes.front();
  EXPECT_EQ(first.row->country, "KR");
  EXPECT_EQ(first.applications->value, 514);
  EXPECT_EQ(first.grants->value, 159);
  EXPECT_NEAR(first.granted_percent->value, 30.8, 0.05);
  question.country = "IT";
  const GapReport italy = Ask(question);
  EXPECT_EQ(italy.programmes.front().row->country, "EU") << "open to members";
  question.country = "XX";
  const auto none = FindGap(BuiltIn(), question, "2026-11-29");
  EXPECT_EQ(none.status().code(), ErrorCode::kInvalidArgument);
}

TEST(GapTest, TheAgeOfTheDataIsCountedInDays) {
  const GapReport report = Ask({});
  for (const Coverage& coverage : report.coverage) {
    EXPECT_EQ(coverage.rows.value,
              coverage.high.value + coverage.medium.value + coverage.low.value);
    if (coverage.table == Table::kClusters) {
      EXPECT_EQ(coverage.newest, "2025-12-14");
      EXPECT_EQ(coverage.newest_age_days, 350);
    }
  }
}

TEST(GapTest, AClockThatJumpedIsNoReasonToFail) {
  for (const auto& [today, age] : {std::pair{"1970-01-01", 0}, {"2100-01-01", 27'046}}) {
    const auto report = FindGap(BuiltIn(), GapQuestion(), today);
    ASSERT_TRUE(report.ok()) << report.status().message();
    for (const Coverage& coverage : report.value().coverage) {
      if (coverage.table != Table::kClusters) continue;
      EXPECT_EQ(coverage.newest_age_days, age) << today;
    }
  }
}

TEST(GapTest, EveryFigureTracesToRows) {
  GapQuestion question = SmallMachine();
  question.owned = ParseOwned(BuiltIn().chips, "4x RTX 3090").value();
  question.budget = ParseBudget("5000usd").value();
  question.country = "KR";
  const GapReport report = Ask(question);
  const auto tables = TraceTables::Parse(EmbeddedTables());
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  size_t n = 0;
  ForEachFigure(report, [&](const Figure& figure) {
    ++n;
    const Status traced = tables.value().Check(figure);
    EXPECT_TRUE(traced.ok()) << traced.message();
  });
  EXPECT_GT(n, 200u);
}

TEST(GapTest, AWrongFigureIsFoundByItsTrace) {
  const auto tables = TraceTables::Parse(EmbeddedTables());
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  const std::pair<double, const char*> kWrong[] = {{1980, "cell chips.csv:2.int8_tops"},
                                                   {1979, "cell chips.csv:2.no_such"},
                                                   {1979, "cell chips.csv:9999.int8_tops"},
                                                   {452, "count clusters.csv"},
                                                   {1, "sum clusters.csv.h100e where country=IT"},
                                                   {1, "rank clusters.csv.h100e of 4358.9"},
                                                   {1, "computed from thin air: by feel"},
                                                   {1, "computed from : nothing"},
                                                   {1, ""},
                                                   {1, "somebody said so"}};
  for (const auto& [value, trace] : kWrong) {
    EXPECT_FALSE(tables.value().Check({.value = value, .trace = trace, .source = {}}).ok())
        << trace;
  }
  EXPECT_TRUE(
      tables.value().Check({.value = 451, .trace = "count clusters.csv", .source = {}}).ok());
  EXPECT_TRUE(tables.value()
                  .Check({.value = 1979, .trace = "cell chips.csv:2.int8_tops", .source = {}})
                  .ok());
}

}  // namespace
}  // namespace altteul::plan
