// SPDX-License-Identifier: Apache-2.0

#include "eval/paired.h"

#include <gtest/gtest.h>

#include <cmath>

namespace altteul::eval {
namespace {

TEST(AccuracyTest, IsTheBinomialsShareAndError) {
  const Accuracy a = AccuracyOf(8, 10);
  EXPECT_EQ(a.n, 10u);
  EXPECT_EQ(a.right, 8u);
  EXPECT_DOUBLE_EQ(a.share, 0.8);
  EXPECT_NEAR(a.stderr_, std::sqrt(0.8 * 0.2 / 10), 1e-15);
}

// Wilson's formula worked out by hand with z = 1.959964; 0 of n ends at z^2 / (n + z^2).
TEST(AccuracyTest, TheIntervalIsWilsons) {
  struct Case {
    size_t right, n;
    double low, high;
  };
  for (const Case& c : {Case{8, 10, 0.4901625, 0.9433178}, Case{0, 10, 0.0, 0.2775328},
                        Case{10, 10, 0.7224672, 1.0}, Case{50, 100, 0.4038315, 0.5961685},
                        Case{1, 1, 0.2065493, 1.0}, Case{0, 1, 0.0, 0.7934507}}) {
    const Accuracy a = AccuracyOf(c.right, c.n);
    EXPECT_NEAR(a.low, c.low, 1e-7) << c.right << " of " << c.n;
    EXPECT_NEAR(a.high, c.high, 1e-7) << c.right << " of " << c.n;
  }
}

TEST(AccuracyTest, TheShareLiesInItsInterval) {
  for (size_t n = 1; n <= 60; ++n) {
    for (size_t right = 0; right <= n; ++right) {
      const Accuracy a = AccuracyOf(right, n);
      EXPECT_LE(0, a.low);
      EXPECT_LE(a.low, a.share) << right << " of " << n;
      EXPECT_LE(a.share, a.high) << right << " of " << n;
      EXPECT_LE(a.high, 1);
    }
  }
}

TEST(AccuracyTest, CountsWhatIsTrue) { EXPECT_EQ(AccuracyOf({true, false, true}).right, 2u); }

// 2 sum_{i <= min} C(a + b, i) / 2^(a + b), in whole numbers.
TEST(McNemarTest, IsTheExactBinomial) {
  EXPECT_EQ(McNemarExact(0, 0), 1.0);
  EXPECT_EQ(McNemarExact(5, 5), 1.0);
  EXPECT_EQ(McNemarExact(0, 1), 1.0);
  EXPECT_NEAR(McNemarExact(0, 5), 2.0 / 32, 1e-15);
  EXPECT_NEAR(McNemarExact(1, 7), 2.0 * (1 + 8) / 256, 1e-15);
  EXPECT_NEAR(McNemarExact(2, 10), 2.0 * (1 + 12 + 66) / 4096, 1e-15);
  EXPECT_NEAR(McNemarExact(4, 5), 1.0, 1e-14);
}

TEST(McNemarTest, DoesNotDependOnTheDirection) {
  for (size_t a = 0; a < 40; ++a) {
    for (size_t b = 0; b < 40; ++b) EXPECT_EQ(McNemarExact(a, b), McNemarExact(b, a));
  }
}

TEST(McNemarTest, HoldsWhereTwoToTheMinusNIsNoDouble) {
  EXPECT_NEAR(McNemarExact(500, 600), 0.0028195449914364275, 1e-12);
  EXPECT_EQ(McNemarExact(0, 2000), 0.0);  // 2^-1999
}

TEST(PairUpTest, CountsFlipsAndTheErrorOfTheDifference) {
  //                    kept  lost         won    both wrong
  const Flips flips = PairUp({true, true, true, false, false}, {true, false, false, true, false});
  EXPECT_EQ(flips.n, 5u);
  EXPECT_EQ(flips.right_to_wrong, 2u);
  EXPECT_EQ(flips.wrong_to_right, 1u);
  EXPECT_NEAR(flips.difference, -0.2, 1e-15);
  // Of 0, -1, -1, 1, 0: the variance is 3/5 - 1/25.
  EXPECT_NEAR(flips.stderr_, std::sqrt((0.6 - 0.04) / 5), 1e-15);
  EXPECT_NEAR(flips.p_value, 1.0, 1e-15);
}

TEST(PairUpTest, EqualSidesDoNotDiffer) {
  const Flips flips = PairUp({true, false}, {true, false});
  EXPECT_EQ(flips.difference, 0);
  EXPECT_EQ(flips.stderr_, 0);
  EXPECT_EQ(flips.p_value, 1);
}

}  // namespace
}  // namespace altteul::eval
