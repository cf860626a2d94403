// SPDX-License-Identifier: Apache-2.0

// How activations are made ready for a product: rounded to codes with scales and sums, and to bf16.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/codecs/half.h"
#include "kernels/simd/linear_run.h"
#include "kernels/simd/plain_p8.h"

namespace altteul::kernels {
namespace {

TEST(PrepareSimdTest, QuantizesAsPlainLoopsWhateverTheThreads) {
  constexpr size_t kTokens = 7, kCols = 576;
  for (const Isa& isa : LinearIsasHere()) {
    for (int n_threads = 1; n_threads <= 9; ++n_threads) {
      const ShareBy by = n_threads % 2 == 0 ? ShareBy::kColumns : ShareBy::kRows;
      Activations x(kTokens, kCols);
      for (int thread = n_threads - 1; thread >= 0; --thread) {
        isa.prepare(x.Rows(kTokens), {.q8 = true, .bf16 = true}, by, thread, n_threads);
      }
      for (size_t b = 0; b < kTokens * kCols / 32; ++b) {
        const float* values = x.f32.data() + b * 32;
        float max = 0.0f;
        for (size_t i = 0; i < 32; ++i) max = std::max(max, std::fabs(values[i]));
        const float factor = 127.0f / max;
        ASSERT_EQ(x.scale[b], max / 127.0f);
        int32_t sums[2] = {0, 0};
        for (size_t i = 0; i < 32; ++i) {
          const float code = std::isfinite(factor) ? std::nearbyint(values[i] * factor) : 0.0f;
          ASSERT_EQ(static_cast<float>(x.q8[b * 32 + i]), code)
              << isa.name << " value " << values[i];
          ASSERT_LE(std::fabs(code), 127.0f);
          sums[i / 16] += static_cast<int32_t>(code);
        }
        ASSERT_EQ(x.sum16[2 * b], sums[0]);
        ASSERT_EQ(x.sum16[2 * b + 1], sums[1]);
        ASSERT_EQ(x.offset[b], x.scale[b] * static_cast<float>(sums[0] + sums[1]));
      }
      for (size_t i = 0; i < x.f32.size(); ++i) ASSERT_EQ(x.bf16[i], F32ToBf16(x.f32[i])) << i;
    }
  }
}

// So a thread may prepare what it has just computed, before others have finished.
TEST(PrepareSimdTest, ByColumnsAThreadReadsWhatItsProductWrote) {
  constexpr size_t kTokens = 3, kCols = 64, kOutputs = 224;
  const auto file = RandomQuantizedRows(DType::kQ4_0, kOutputs, kCols);
  const auto groups = Grouped(DType::kQ4_0, file, kOutputs, kCols);
  const WeightMatrix w{DType::kQ4_0, RestForm::kGroups16, PanelKind::kP8, kOutputs,
                       kCols,        groups.data()};
  std::vector<std::byte> scratch(LinearScratchBytes(kCols));
  for (const Isa& isa : LinearIsasHere()) {
    Activations in(kTokens, kCols);
    const PreparedRows rows = in.Rows(kTokens);
    isa.prepare(rows, {.q8 = true, .bf16 = false}, ShareBy::kRows, 0, 1);
    Activations expected(kTokens, kOutputs);
    const auto run = [&](Activations* to, int thread, int n_threads) {
      isa.linear({.w = &w, .x = &rows, .out = to->f32.data(), .out_stride = kOutputs}, scratch,
                 thread, n_threads);
      isa.prepare(to->Rows(kTokens), {.q8 = true, .bf16 = true}, ShareBy::kColumns, thread,
                  n_threads);
    };
    run(&expected, 0, 1);
    for (const int n_threads : {2, 3, 5, 9}) {
      Activations out(kTokens, kOutputs);
      for (int thread = 0; thread < n_threads; ++thread) run(&out, thread, n_threads);
      EXPECT_EQ(out.q8, expected.q8) << isa.name << ", " << n_threads << " threads";
      EXPECT_EQ(out.offset, expected.offset) << isa.name << ", " << n_threads << " threads";
      EXPECT_EQ(out.bf16, expected.bf16) << isa.name << ", " << n_threads << " threads";
    }
  }
}

TEST(PrepareSimdTest, RoundsHalfwayCodesToEven) {
  for (const Isa& isa : LinearIsasHere()) {
    Activations x(1, 32);
    for (size_t i = 0; i < 32; ++i) x.f32[i] = static_cast<float>(i) - 15.5f;
    x.f32[0] = 127.0f;  // factor 1
    isa.prepare(x.Rows(1), {.q8 = true, .bf16 = false}, ShareBy::kRows, 0, 1);
    for (size_t i = 1; i < 32; ++i) EXPECT_EQ(x.q8[i] % 2, 0) << isa.name << " " << x.f32[i];
  }
}

TEST(PrepareSimdTest, NotANumberAndInfinityReachTheOutputs) {
  for (const Isa& isa : LinearIsasHere()) {
    for (const float odd :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      Activations x(2, 64);
      x.f32[64 + 40] = odd;
      isa.prepare(x.Rows(2), {.q8 = true, .bf16 = true}, ShareBy::kRows, 0, 1);
      for (size_t c = 96; c < 128; ++c) EXPECT_EQ(x.q8[c], 0);
      EXPECT_EQ(x.bf16[64 + 40], F32ToBf16(odd));

      const auto file = RandomQuantizedRows(DType::kQ4_0, 16, 64);
      const auto groups = Grouped(DType::kQ4_0, file, 16, 64);
      const WeightMatrix w{DType::kQ4_0, RestForm::kGroups16, PanelKind::kP8, 16,
                           64,           groups.data()};
      const std::vector<float> y = Multiply(isa, w, &x, {2, 1, false, false}, {});
      for (size_t r = 0; r < 16; ++r) {
        EXPECT_TRUE(std::isfinite(y[r])) << "one token's numbers are not another's";
        EXPECT_TRUE(std::isnan(y[16 + r])) << isa.name << " row " << r << " hides a broken input";
      }
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
