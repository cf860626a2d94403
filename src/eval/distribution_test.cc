// SPDX-License-Identifier: Apache-2.0

#include "eval/distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace altteul::eval {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// The definitions in long double.
long double LogSumExp(const std::vector<float>& logits) {
  long double largest = -INFINITY, sum = 0;
  for (const float x : logits) largest = std::max(largest, static_cast<long double>(x));
  for (const float x : logits) sum += std::exp(static_cast<long double>(x) - largest);
  return largest + std::log(sum);
}

double TrueKl(const std::vector<float>& p, const std::vector<float>& q) {
  const long double lse_p = LogSumExp(p), lse_q = LogSumExp(q);
  long double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) {
    const long double ln_p = static_cast<long double>(p[v]) - lse_p;
    const long double ln_q = static_cast<long double>(q[v]) - lse_q;
    if (std::exp(ln_p) > 0) sum += std::exp(ln_p) * (ln_p - ln_q);
  }
  return static_cast<double>(sum);
}

double Kl(const std::vector<float>& p, const std::vector<float>& q) {
  return KlDivergence(p, Summarize(p), q, Summarize(q));
}

std::vector<float> Random(uint64_t seed, size_t n, float scale) {
  const RandomStream random(seed, "logits");
  std::vector<float> logits(n);
  for (size_t i = 0; i < n; ++i) logits[i] = scale * random.Normal(i);
  return logits;
}

// One f32 exponential is off by about 2^-23 of its size, and so is the rounding of its argument x
// to f32, |x| 2^-24: terms that count have |x| < 30, so their sum is off by less than 2^-18 of
// itself.
constexpr double kExpError = 1.0 / (1 << 18);

TEST(DistributionTest, LogSumExpAgreesWithLongDouble) {
  for (const float scale : {0.0f, 0.1f, 1.0f, 10.0f, 1e3f, 1e4f}) {
    for (const size_t n : {1, 2, 31, 5000}) {
      const auto logits = Random(n, n, scale);
      const double truth = static_cast<double>(LogSumExp(logits));
      EXPECT_NEAR(Summarize(logits).log_sum_exp, truth, kExpError) << n << " x " << scale;
    }
  }
}

TEST(DistributionTest, EqualLogitsGiveTheLogarithmOfTheirNumber) {
  for (const float value : {0.0f, 1e4f, -1e4f}) {
    const std::vector<float> logits(4096, value);
    const RowSummary summary = Summarize(logits);
    EXPECT_NEAR(summary.log_sum_exp - static_cast<double>(value), std::log(4096.0), 1e-9);
    EXPECT_EQ(summary.top, 0u) << "the lowest index of a tie";
  }
}

TEST(DistributionTest, TheTopIsTheLowestIndexOfTheLargest) {
  EXPECT_EQ(Summarize(std::vector<float>{1, 5, 5, 2}).top, 1u);
  EXPECT_EQ(Summarize(std::vector<float>{-1e4f, kForbidden, -9e3f}).top, 2u);
}

TEST(DistributionTest, AOneHotRowHasNoUncertaintyLeft) {
  std::vector<float> logits(100, -1e4f);
  logits[42] = 1e4f;
  const RowSummary summary = Summarize(logits);
  EXPECT_EQ(summary.log_sum_exp, 1e4);
  EXPECT_EQ(summary.top, 42u);
}

TEST(DistributionTest, DivergenceAgreesWithLongDouble) {
  for (const float scale : {0.1f, 1.0f, 5.0f}) {
    for (const size_t n : {2, 33, 5000}) {
      const auto p = Random(n, n, scale), q = Random(n + 1, n, scale);
      // Each term p (ln p - ln q) is off by kExpError of its size; ln p - ln q < 20 scale here.
      EXPECT_NEAR(Kl(p, q), TrueKl(p, q), kExpError * 20 * static_cast<double>(scale) + 1e-9)
          << n << " x " << scale;
    }
  }
}

TEST(DistributionTest, DivergenceFromItselfIsNothing) {
  for (const float scale : {0.0f, 1.0f, 100.0f, 1e4f}) {
    const auto p = Random(3, 1000, scale);
    EXPECT_EQ(Kl(p, p), 0.0) << scale;
  }
}

TEST(DistributionTest, AConstantAddedToAllLogitsChangesNothing) {
  const auto p = Random(3, 1000, 1.0f);
  std::vector<float> q = p;
  for (float& x : q) x += 64.0f;  // rounds each sum to 2^-17
  EXPECT_NEAR(Kl(p, q), 0.0, 1.0 / (1 << 16));
}

TEST(DistributionTest, OneHotBesideUniformIsTheLogarithmOfTheNumber) {
  std::vector<float> hot(64, -1e4f);
  hot[7] = 1e4f;
  const std::vector<float> uniform(64, 0.0f);
  EXPECT_NEAR(Kl(hot, uniform), std::log(64.0), 1e-6);
  // The other way round all but one place are 20,000 nats away.
  EXPECT_NEAR(Kl(uniform, hot), TrueKl(uniform, hot), 1e-3 * 20000);
}

TEST(DistributionTest, WhatBothForbidAddsNothing) {
  const std::vector<float> p = {1, kForbidden, 2, 0}, q = {0, kForbidden, 2, 1};
  const std::vector<float> p3 = {1, 2, 0}, q3 = {0, 2, 1};
  EXPECT_NEAR(Kl(p, q), TrueKl(p3, q3), 1e-6);
}

TEST(DistributionTest, WhatOnlyTheReferenceForbidsAddsNothing) {
  const std::vector<float> p = {1, kForbidden, 2}, q = {1, 0, 2};
  EXPECT_NEAR(Kl(p, q), TrueKl(p, q), 1e-6);
}

TEST(DistributionTest, WhatOnlyTheCandidateForbidsIsInfinitelyFar) {
  const std::vector<float> p = {1, 0, 2}, q = {1, kForbidden, 2};
  EXPECT_EQ(Kl(p, q), INFINITY);
}

TEST(DistributionTest, WhatIsNotANumberStaysSo) {
  for (const size_t n : {1, 5, 64}) {
    for (size_t at = 0; at < n; ++at) {
      std::vector<float> broken = Random(3, n, 1.0f);
      const std::vector<float> whole = broken;
      broken[at] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(Summarize(broken).log_sum_exp)) << at << " of " << n;
      EXPECT_TRUE(std::isnan(Kl(whole, broken))) << at << " of " << n;
    }
  }
}

}  // namespace
}  // namespace altteul::eval
