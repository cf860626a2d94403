// SPDX-License-Identifier: Apache-2.0

#include "plan/machine_rates.h"

#include "compute/cpu_compute.h"

#include <gtest/gtest.h>

#include <set>

#include "base/machine.h"
#include "kernels/codecs/codec.h"

namespace altteul::plan {
namespace {

constexpr ProbeSizes kSmall = {.rounds = 2,
                               .stream_bytes = uint64_t{1} << 20,
                               .many_rows = 8,
                               .one_depth = 256,
                               .many_depth = 64,
                               .queries = 4};

TEST(MachineRatesTest, EverythingIsMeasured) {
  const kernels::KernelTable& kernels = *kernels::SelectKernels("", DetectCpuFeatures()).value();
  ThreadTeam team(1);
  compute::CpuCompute compute(kernels, team);
  const SteadyClock clock;
  const auto measured = MeasureMachine(compute, clock, {}, kSmall);
  ASSERT_TRUE(measured.ok()) << measured.status().message();
  const MachineRates& rates = measured.value();
  std::set<DType> types;
  for (const TypeRate& rate : rates.types) {
    EXPECT_TRUE(types.insert(rate.type).second);
    EXPECT_GT(rate.bytes_per_s, 0.0);
    EXPECT_GT(rate.ops_per_s, 0.0);
  }
  EXPECT_EQ(types.size(), kernels::AllCodecs().size());
  EXPECT_EQ(rates.attention.size(), 9u);
  EXPECT_EQ(rates.Attention(kernels::KvType::kQ8_0, 80).kv, kernels::KvType::kQ8_0);
  EXPECT_EQ(rates.Attention(kernels::KvType::kQ8_0, 80).head_dim, 64u);
  EXPECT_GE(rates.spread, 1.0);
  EXPECT_TRUE(ParseMachineRates(MachineRatesToJson(rates), "kept").ok());
}

TEST(MachineRatesTest, SaysWhatElseTheMachineDid) {
  const kernels::KernelTable& kernels = *kernels::SelectKernels("", DetectCpuFeatures()).value();
  ThreadTeam team(1);
  compute::CpuCompute compute(kernels, team);
  const SteadyClock clock;
  // A second between readings, of which the process computed `share` and waited the rest.
  const auto measured_with = [&](double share) {
    int n = 0;
    const CpuReader reader = [&n, share] {
      const double at = n++;
      return CpuReading{.at = at, .own_s = share * at, .waited_s = (1 - share) * at};
    };
    auto rates = MeasureMachine(compute, clock, {}, kSmall, reader);
    EXPECT_EQ(n, kSmall.rounds + 1);
    return rates;
  };
  const auto idle = measured_with(0.99);
  ASSERT_TRUE(idle.ok()) << idle.status().message();
  EXPECT_EQ(idle.value().load.disturbance, "");
  const auto busy = measured_with(0.5);
  ASSERT_TRUE(busy.ok()) << busy.status().message();
  EXPECT_NE(busy.value().load.disturbance.find("50 %"), std::string::npos)
      << busy.value().load.disturbance;
}

TEST(MachineRatesTest, MeasuringCanBeInterrupted) {
  const kernels::KernelTable& kernels = *kernels::SelectKernels("", DetectCpuFeatures()).value();
  ThreadTeam team(1);
  compute::CpuCompute compute(kernels, team);
  const SteadyClock clock;
  const auto measured = MeasureMachine(compute, clock, [](uint64_t, uint64_t) { return false; });
  EXPECT_EQ(measured.status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::plan
