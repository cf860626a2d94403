// SPDX-License-Identifier: Apache-2.0

#include "plan/rent_plan.h"

#include <gtest/gtest.h>

#include "kernels/kernel_table.h"
#include "model/family.h"
#include "plan/chips.h"
#include "plan/hollow_model.h"

namespace altteul::plan {
namespace {

TEST(JobTest, IsReadAsPeopleWriteIt) {
  const Job job = ParseJob("2M in, 500k out").value();
  EXPECT_EQ(job.tokens_in, 2e6);
  EXPECT_EQ(job.tokens_out, 5e5);
  EXPECT_EQ(ParseJob("1.5G out").value().tokens_out, 1.5e9);
  EXPECT_EQ(ParseJob(" 7 in ").value().tokens_in, 7);
  for (const char* text : {"", "2M", "in", "2M in, 3M in", "-2M in", "2X in", "1e18 in", "nan in",
                           "2M in,", "2M in 3M out", "0 in"}) {
    EXPECT_EQ(ParseJob(text).status().code(), ErrorCode::kInvalidArgument) << text;
  }
}

class RentPlanTest : public ::testing::Test {
 protected:
  RentPlanTest() : tables_(LoadDataTables("").value()) {}

  RentPlan Plan(const std::string& shape, const Offers& offers) const {
    const auto file = OpenShape(shape).value();
    const auto config = model::ReadConfig(*file).value();
    const kernels::KernelTable* kernels = kernels::SelectKernels("reference", {}).value();
    const auto weights = model::PlanWeights(*file, config, kernels).value();
    const auto memory = PlanMemory(config, weights, {}).value();
    return PlanRent(config, weights.weights, memory, {}, {.tokens_in = 1e6, .tokens_out = 1e6},
                    tables_.chips, offers);
  }
  Result<Offers> List(const std::string& text) const {
    const auto csv = formats::ParseCsv(text, "offers.csv");
    EXPECT_TRUE(csv.ok()) << csv.status().message();
    return OffersOfList(tables_, csv.value());
  }
  size_t Chip(const char* name) const { return FindChip(tables_.chips, name).value(); }

  DataTables tables_;
};

TEST_F(RentPlanTest, TheCheapestComesFirst) {
  const RentPlan plan = Plan("8b:Q4_K_M", OffersOfTables(tables_));
  ASSERT_GT(plan.rows.size(), 10u);
  for (size_t i = 0; i < plan.rows.size(); ++i) {
    const RentedJob& row = plan.rows[i];
    if (i > 0) {
      EXPECT_GE(row.usd, plan.rows[i - 1].usd);
    }
    EXPECT_NEAR(row.usd, row.hours * row.offer.usd_per_hour, 1e-9);
    EXPECT_LT(row.least_hours, row.hours);
    EXPECT_GT(row.most_hours, row.hours);
    EXPECT_LE(row.speed.answer.highest, row.speed.answer.roofline);
  }
}

TEST_F(RentPlanTest, AnAnswerIsBoundByBandwidth) {
  Offers offers;
  offers.rows = {{.provider = "a", .chip = Chip("H100 SXM"), .usd_per_hour = 2},
                 {.provider = "b", .chip = Chip("H200"), .usd_per_hour = 2}};
  const RentPlan plan = Plan("8b:Q8_0", offers);
  ASSERT_EQ(plan.rows.size(), 2u);
  // 8 GB at 60 % of 3,350 GB/s and at 60 % of 4,800, and 32 layers of 40 us.
  EXPECT_EQ(plan.rows[0].offer.provider, "b");
  EXPECT_NEAR(plan.rows[1].speed.answer.likely, 1 / (8.0e9 / 0.6 / 3350e9 + 32 * 40e-6), 5);
  EXPECT_NEAR(plan.rows[1].speed.answer.roofline / plan.rows[0].speed.answer.roofline,
              3350.0 / 4800, 0.01);
}

TEST_F(RentPlanTest, AChipWithoutSixteenBitsHasHalfItsEight) {
  struct Chip chip;
  EXPECT_FALSE(RatesOfChip(chip));
  chip.memory_gb_s = 936;
  EXPECT_FALSE(RatesOfChip(chip));
  chip.int8_tops = 284;
  EXPECT_EQ(RatesOfChip(chip)->peaks.bf16_flops, 142e12);
  chip.fp16_tflops = 71;
  EXPECT_EQ(RatesOfChip(chip)->peaks.bf16_flops, 71e12);
}

TEST_F(RentPlanTest, AModelIsCutWhereItMustBe) {
  Offers offers;
  const size_t chip = Chip("A100 SXM 80GB");
  offers.rows = {{.provider = "one", .chip = chip, .n_chips = 1, .usd_per_hour = 1},
                 {.provider = "two", .chip = chip, .n_chips = 2, .usd_per_hour = 2},
                 {.provider = "four", .chip = chip, .n_chips = 4, .usd_per_hour = 4}};
  const RentPlan plan = Plan("70b:F16", offers);
  EXPECT_EQ(plan.n_too_small, 1u);
  ASSERT_EQ(plan.rows.size(), 2u);
  EXPECT_EQ(plan.rows[0].chips_per_copy, 2u);
  // Two copies at twice the price are as cheap, and done in half the time.
  EXPECT_NEAR(plan.rows[0].usd, plan.rows[1].usd, 1e-6);
  EXPECT_NEAR(plan.rows[0].hours, 2 * plan.rows[1].hours, 1e-6);
}

TEST_F(RentPlanTest, ListsOfGpuhuntAndSkyPilotAreRead) {
  const auto gpuhunt = List(
      "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size\n"
      "big,eu,2.5,16,128,1,H100,80,False,100\n"
      "spotty,eu,1.5,16,128,2,A100,40,True,100\n"
      "plain,eu,0.1,4,16,0,,,False,\n"
      "odd,eu,1,4,16,1,XYZ9000,10,False,\n");
  ASSERT_TRUE(gpuhunt.ok()) << gpuhunt.status().message();
  ASSERT_EQ(gpuhunt.value().rows.size(), 2u);
  EXPECT_EQ(gpuhunt.value().rows[0].chip, Chip("H100 SXM"));
  EXPECT_EQ(tables_.chips[gpuhunt.value().rows[1].chip].memory_gb, 40.0);
  EXPECT_EQ(gpuhunt.value().rows[1].kind, RentKind::kSpot);
  EXPECT_EQ(gpuhunt.value().n_without_chips, 1u);
  EXPECT_EQ(gpuhunt.value().n_unknown, 1u);
  EXPECT_EQ(gpuhunt.value().unknown_chips, std::vector<std::string>{"XYZ9000"});

  const auto sky = List(
      "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GPUInfo,Region,"
      "AvailabilityZone,Price,SpotPrice\n"
      "p5,192,2048,H100,8,x,us,us-a,98.32,40.5\n"
      "m5,4,16,,,,us,us-a,0.2,\n");
  ASSERT_TRUE(sky.ok()) << sky.status().message();
  ASSERT_EQ(sky.value().rows.size(), 2u);
  EXPECT_EQ(sky.value().rows[0].n_chips, 8u);
  EXPECT_EQ(sky.value().rows[1].usd_per_hour, 40.5);
  EXPECT_EQ(sky.value().rows[1].kind, RentKind::kSpot);
}

TEST_F(RentPlanTest, OtherListsAreRefused) {
  EXPECT_EQ(List("a,b\n1,2\n").status().code(), ErrorCode::kUnsupported);
  const auto bad = List("gpu_name,gpu_count,price\nH100,1,-3\n");
  EXPECT_EQ(bad.status().code(), ErrorCode::kCorruptFile);
  EXPECT_NE(bad.status().message().find("line 2"), std::string::npos);
  EXPECT_FALSE(List("gpu_name,gpu_count,price\nH100,1e9,3\n").ok());
  EXPECT_FALSE(List("gpu_name,gpu_count,price\nH100,1,1e12\n").ok());
}

}  // namespace
}  // namespace altteul::plan
