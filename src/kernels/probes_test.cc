// SPDX-License-Identifier: Apache-2.0

#include "kernels/probes.h"

#include <gtest/gtest.h>

#include "base/machine.h"

namespace altteul::kernels {
namespace {

/// No machine of today is outside: 1e8 is a tenth of a 1 GHz core's scalar speed, 1e15 is a large
/// accelerator. What is tested is the accounting, not the machine.
void ExpectPlausible(double ops_per_s) {
  EXPECT_GT(ops_per_s, 1e8);
  EXPECT_LT(ops_per_s, 1e15);
}

TEST(ProbesTest, PeaksArePlausibleAndOrderedByWidth) {
  const CpuFeatures has = DetectCpuFeatures();
  const SteadyClock clock;
  ThreadTeam team(2);
  if (has.avx2) {
    const MeasuredPeaks peaks = MeasurePeaks(team, clock, "avx2");
    ExpectPlausible(peaks.thread.int8_ops_per_s);
    ExpectPlausible(peaks.thread.f32_flops);
    ExpectPlausible(peaks.team.f32_flops);
    EXPECT_EQ(peaks.thread.bf16_flops, 0.0);
  }
  if (has.avx512_vnni) {
    const Peaks peaks = MeasurePeaks(team, clock, "avx512vnni").thread;
    EXPECT_GT(peaks.int8_ops_per_s, peaks.f32_flops);
    EXPECT_EQ(peaks.bf16_flops, 0.0);
  }
  if (has.avx512_vnni && has.avx512_bf16) {
    const Peaks peaks = MeasurePeaks(team, clock, "avx512").thread;
    ExpectPlausible(peaks.bf16_flops);
    // 64 bytes against 16 floats at the same rate or half of it, with a factor 2 for noise.
    EXPECT_GT(peaks.int8_ops_per_s, peaks.f32_flops);
  }
  if (has.neon_dot) {
    // Plausible under an emulator too, a hundred times slower: only that both are measured.
    const Peaks peaks = MeasurePeaks(team, clock, "neon").thread;
    EXPECT_GT(peaks.int8_ops_per_s, 0.0);
    EXPECT_GT(peaks.f32_flops, 0.0);
    EXPECT_EQ(peaks.bf16_flops, 0.0);
  }
}

TEST(ProbesTest, TheReferenceHasNoPeaks) {
  const SteadyClock clock;
  ThreadTeam team(1);
  const MeasuredPeaks peaks = MeasurePeaks(team, clock, "reference");
  EXPECT_EQ(peaks.thread.int8_ops_per_s, 0.0);
  EXPECT_EQ(peaks.thread.f32_flops, 0.0);
  EXPECT_EQ(peaks.team.f32_flops, 0.0);
}

TEST(ProbesTest, ReadsAtAPlausibleRateAndRefusesTooMuch) {
  const SteadyClock clock;
  ThreadTeam team(2);
  auto rate = MeasureReadBandwidth(team, clock, uint64_t{8} << 20);
  ASSERT_TRUE(rate.ok()) << rate.status().message();
  EXPECT_GT(rate.value(), 1e7);
  EXPECT_LT(rate.value(), 1e14);

  const auto refused = MeasureReadBandwidth(team, clock, uint64_t{1} << 60);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace altteul::kernels
