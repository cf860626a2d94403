// SPDX-License-Identifier: Apache-2.0

#include "base/random.h"

#include <cmath>

#include <gtest/gtest.h>

namespace altteul {
namespace {

// Known answers of the authors' Random123 library (kat_vectors, philox4x32 10).
TEST(PhiloxTest, GivesThePublishedAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(RandomStreamTest, PurposesAreIndependentAndNumbersReproducible) {
  const RandomStream a(7, "sampler");
  const RandomStream b(7, "init");
  EXPECT_EQ(a.Bits(3), RandomStream(7, "sampler").Bits(3));
  EXPECT_NE(a.Bits(3), b.Bits(3));
  EXPECT_NE(a.Bits(3), a.Bits(4));
}

TEST(RandomStreamTest, NormalHasMeanZeroAndVarianceOne) {
  const RandomStream stream(1, "test");
  constexpr int kCount = 100000;
  double sum = 0, sum_squares = 0;
  for (uint64_t n = 0; n < kCount; ++n) {
    const double value = stream.Normal(n);
    sum += value;
    sum_squares += value * value;
  }
  // Five standard errors: 1 / sqrt(n) for the mean, sqrt(2 / n) for the variance.
  EXPECT_NEAR(sum / kCount, 0.0, 5.0 / std::sqrt(kCount));
  EXPECT_NEAR(sum_squares / kCount, 1.0, 5.0 * std::sqrt(2.0 / kCount));
}

}  // namespace
}  // namespace altteul
