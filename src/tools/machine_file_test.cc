// SPDX-License-Identifier: Apache-2.0

#include "tools/machine_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace altteul::tools {
namespace {

const MachineIdentity kMachine = {.processor = "a processor", .isa = "avx2", .threads = 2};

/// Rates whose bandwidth says which measurement they are of.
plan::MachineRates RatesOf(double bandwidth, const std::string& disturbance) {
  plan::MachineRates rates;
  rates.processor = kMachine.processor;
  rates.isa = kMachine.isa;
  rates.threads = kMachine.threads;
  rates.read_bytes_per_s = bandwidth;
  rates.peaks = {.int8_ops_per_s = 1, .bf16_flops = 1, .f32_flops = 1};
  rates.types.push_back({.type = DType::kQ8_0, .bytes_per_s = 1, .ops_per_s = 1});
  rates.attention.push_back(
      {.kv = kernels::KvType::kF16, .head_dim = 64, .bytes_per_s = 1, .ops_per_s = 1});
  rates.load.disturbance = disturbance;
  return rates;
}

class MachineFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/altteul_machine_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// The bandwidth that is answered, when a measurement would now give `measured`.
  double Ask(double measured, const std::string& disturbance, bool again = false) {
    const auto rates = RatesIn(
        folder_ + "/caches/m.json", kMachine, again,
        [&]() -> Result<plan::MachineRates> { return RatesOf(measured, disturbance); },
        [&](LogLevel, std::string_view sentence) { said_.emplace_back(sentence); });
    EXPECT_TRUE(rates.ok()) << rates.status().message();
    return rates.ok() ? rates.value().read_bytes_per_s : 0;
  }

  std::string folder_;
  std::vector<std::string> said_;
};

TEST_F(MachineFileTest, ABusyMachineIsMeasuredAgainAtTheNextCall) {
  EXPECT_EQ(Ask(1, "it got 50 %"), 1);
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("it got 50 %"), std::string::npos) << said_[0];
  EXPECT_EQ(Ask(2, ""), 2) << "nothing was kept";
  EXPECT_EQ(Ask(3, ""), 2) << "what was measured at rest is kept";
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(MachineFileTest, WhatWasMeasuredUnderLoadReplacesNothing) {
  EXPECT_EQ(Ask(1, ""), 1);
  EXPECT_EQ(Ask(2, "it got 50 %", /*again=*/true), 2) << "asked for";
  EXPECT_EQ(Ask(3, ""), 1);
  EXPECT_EQ(Ask(4, "", /*again=*/true), 4);
  EXPECT_EQ(Ask(5, ""), 4);
}

TEST_F(MachineFileTest, AFolderThatCannotBeWrittenIsAWarning) {
  const auto rates = RatesIn(
      "/proc/none/m.json", kMachine, false,
      [&]() -> Result<plan::MachineRates> { return RatesOf(1, ""); },
      [&](LogLevel, std::string_view sentence) { said_.emplace_back(sentence); });
  EXPECT_TRUE(rates.ok());
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_TRUE(said_[0].starts_with("not kept")) << said_[0];
}

}  // namespace
}  // namespace altteul::tools
