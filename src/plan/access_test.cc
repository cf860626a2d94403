// SPDX-License-Identifier: Apache-2.0

#include "plan/access.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "plan/chips.h"

namespace altteul::plan {
namespace {

const DataTables& BuiltIn() {
  static const DataTables* tables = new DataTables(LoadDataTables("").value());
  return *tables;
}

const Chip& ChipOf(const std::string& name) {
  return BuiltIn().chips[FindChip(BuiltIn().chips, name).value()];
}

TEST(AccessTest, ReadsWhatPeopleOwn) {
  const auto owned =
      ParseOwned(BuiltIn().chips, "4x RTX 3090, 2xA100 80GB,\xc3\x97, 2080 Ti, 3090");
  EXPECT_FALSE(owned.ok()) << "a sign without a number is no count";
  const auto good =
      ParseOwned(BuiltIn().chips, "4x RTX 3090, 2xA100 80GB, 3 \xc3\x97 L4, 2080 Ti, 3090");
  ASSERT_TRUE(good.ok()) << good.status().message();
  ASSERT_EQ(good.value().size(), 5u);
  const double counts[] = {4, 2, 3, 1, 1};
  const char* names[] = {"RTX 3090", "A100 80GB", "L4", "RTX 2080 Ti", "RTX 3090"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(good.value()[i].count, counts[i]) << i;
    EXPECT_EQ(BuiltIn().chips[good.value()[i].chip].name, ChipOf(names[i]).name) << i;
  }
}

TEST(AccessTest, RefusesAbsurdMachines) {
  for (const char* text :
       {"", ",", "0x RTX 3090", "-4x RTX 3090", "1.5x RTX 3090", "1000001x RTX 3090",
        "99999999999999999999999x RTX 3090", "4x", "4x ,", "1e9x RTX 3090", "nanx RTX 3090",
        "4x RTX 3090,", "4x4x RTX 3090", "toaster"}) {
    const auto owned = ParseOwned(BuiltIn().chips, text);
    ASSERT_FALSE(owned.ok()) << text;
    EXPECT_FALSE(owned.status().message().empty());
  }
  EXPECT_EQ(ParseOwned(BuiltIn().chips, std::string(1 << 20, 'a')).status().code(),
            ErrorCode::kInvalidArgument);
}

TEST(AccessTest, ReadsRentedHours) {
  for (const char* text : {"500 H100-hours/month", "500 h100 hours per month", "500 H100-h / mo",
                           "500 H100 hrs/month"}) {
    const auto rented = ParseRented(BuiltIn().chips, text);
    ASSERT_TRUE(rented.ok()) << text << ": " << rented.status().message();
    EXPECT_EQ(rented.value()[0].hours, 500) << text;
    EXPECT_EQ(rented.value()[0].period, Period::kMonth) << text;
    EXPECT_EQ(BuiltIn().chips[rented.value()[0].chip].name, "NVIDIA H100 SXM") << text;
  }
  const auto two = ParseRented(BuiltIn().chips, "8 RTX 4090-hours/day, 20 A100 hours/year");
  ASSERT_TRUE(two.ok()) << two.status().message();
  EXPECT_EQ(two.value()[0].period, Period::kDay);
  EXPECT_EQ(two.value()[1].period, Period::kYear);
}

TEST(AccessTest, RefusesAbsurdRents) {
  for (const char* text :
       {"", "500 H100-hours", "H100-hours/month", "0 H100-hours/month", "-5 H100-hours/month",
        "500 hours/month", "500 H100/month", "500 H100-hours/fortnight", "500 H100-hours/",
        "24000001 H100-hours/day", "1e30 H100-hours/month", "inf H100-hours/month",
        "500 toaster-hours/month", "500 H100-hours/month,"}) {
    EXPECT_FALSE(ParseRented(BuiltIn().chips, text).ok()) << text;
  }
  EXPECT_TRUE(ParseRented(BuiltIn().chips, "24000000 H100-hours/day").ok());
}

TEST(AccessTest, ReadsBudgetsAndRefusesAbsurdOnes) {
  const struct {
    const char* text;
    double usd;
    Period period;
  } kGood[] = {{"5000usd", 5000, Period::kYear},
               {"5000 USD/month", 5000, Period::kMonth},
               {"$200/month", 200, Period::kMonth},
               {"0.5usd per day", 0.5, Period::kDay},
               {"1_000_000 usd", 1e6, Period::kYear}};
  for (const auto& good : kGood) {
    const auto budget = ParseBudget(good.text);
    ASSERT_TRUE(budget.ok()) << good.text << ": " << budget.status().message();
    EXPECT_EQ(budget.value().usd, good.usd) << good.text;
    EXPECT_EQ(budget.value().period, good.period) << good.text;
  }
  for (const char* text :
       {"", "usd", "5000", "0usd", "-1usd", "5000eur", "5000 won", "nanusd", "infusd",
        "1000000000001usd", "1e9usd", "5 000usd", "5000usd/decade", "$", "$5000krw"}) {
    EXPECT_FALSE(ParseBudget(text).ok()) << text;
  }
}

TEST(AccessTest, AnyTextIsReadOrRefused) {
  std::mt19937 rng(20261129);  // fixed: a failure must come back on the next run
  const std::string alphabet = "0419.x, /-hH10usd$\xc3\x97_\x1bm";
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t n = rng() % 20; n > 0; --n) text += alphabet[rng() % alphabet.size()];
    for (const Status& status :
         {ParseOwned(BuiltIn().chips, text).status(), ParseRented(BuiltIn().chips, text).status(),
          ParseBudget(text).status()}) {
      EXPECT_EQ(status.message().find('\x1b'), std::string::npos) << i;
    }
  }
}

TEST(AccessTest, EquivalentsFollowFromTheTable) {
  const Chip& h100 = ChipOf("H100");
  const Equivalents self = EquivalentsOf(h100, h100);
  EXPECT_EQ(*self.arithmetic, 1);
  EXPECT_EQ(*self.bandwidth, 1);
  // The ratios that research notes give: 0.315 (A100), 0.194 (MI250X), 0.334 (4090), 0.143 (3090).
  EXPECT_NEAR(*EquivalentsOf(ChipOf("A100"), h100).arithmetic, 0.315, 0.0005);
  EXPECT_NEAR(*EquivalentsOf(ChipOf("MI250X"), h100).arithmetic, 0.194, 0.0005);
  EXPECT_NEAR(*EquivalentsOf(ChipOf("4090"), h100).arithmetic, 0.334, 0.0005);
  EXPECT_NEAR(*EquivalentsOf(ChipOf("3090"), h100).arithmetic, 0.1435, 0.0005);
  EXPECT_NEAR(*EquivalentsOf(ChipOf("3090"), h100).bandwidth, 936.0 / 3350, 1e-12);
  EXPECT_FALSE(EquivalentsOf(ChipOf("M4 Max"), h100).arithmetic);
  EXPECT_TRUE(EquivalentsOf(ChipOf("M4 Max"), h100).bandwidth);
  EXPECT_FALSE(EquivalentsOf(ChipOf("GH200"), h100).bandwidth);
}

TEST(AccessTest, PeriodsFitIntoEachOther) {
  EXPECT_EQ(PeriodHours(Period::kWeek), 7 * PeriodHours(Period::kDay));
  EXPECT_EQ(PeriodHours(Period::kYear), 12 * PeriodHours(Period::kMonth));
  EXPECT_EQ(PeriodHours(Period::kYear), 365.25 * 24);
}

}  // namespace
}  // namespace altteul::plan
