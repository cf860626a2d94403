// SPDX-License-Identifier: Apache-2.0

#include "compress/divergence_search.h"

#include <cmath>

#include <gtest/gtest.h>

namespace altteul::compress {
namespace {

// A model whose files lose measured = scale * expected^power, and whose bytes fall with the loss.
DivergenceSearch SearchThrough(double most, double scale, double power) {
  DivergenceSearch search(most);
  while (const auto expected = search.Next()) {
    const double measured = scale * std::pow(*expected, power);
    const auto bytes = static_cast<uint64_t>(1e8 - 1e7 * std::log(*expected / 1e-3));
    search.Add({.expected = *expected, .measured = measured, .bytes = bytes});
  }
  return search;
}

TEST(DivergenceSearch, BeginsWithWhatWasAskedFor) {
  EXPECT_EQ(DivergenceSearch(0.03).Next(), 0.03);
}

TEST(DivergenceSearch, EndsWhenTheFirstRoundIsNearEnough) {
  const DivergenceSearch search = SearchThrough(0.03, 0.95, 1.0);
  EXPECT_EQ(search.rounds().size(), 1u);
  EXPECT_EQ(search.Best(), 0u);
}

TEST(DivergenceSearch, CorrectsExpectationsThatAreTooHighOrTooLow) {
  for (const double scale : {0.4, 0.7, 1.5, 3.0}) {
    for (const double power : {0.9, 1.0, 1.1}) {
      const DivergenceSearch search = SearchThrough(0.03, scale, power);
      ASSERT_TRUE(search.Best()) << scale << " " << power;
      const double measured = search.rounds()[*search.Best()].measured;
      EXPECT_LE(measured, 0.03);
      EXPECT_GE(measured, 0.9 * 0.03) << scale << " " << power;
      EXPECT_LE(search.rounds().size(), 3u);
    }
  }
}

TEST(DivergenceSearch, TakesTheSmallestFileWithinTheBound) {
  DivergenceSearch search(0.03);
  EXPECT_FALSE(search.Best());
  search.Add({.expected = 0.03, .measured = 0.04, .bytes = 70});
  EXPECT_FALSE(search.Best());
  search.Add({.expected = 0.02, .measured = 0.02, .bytes = 90});
  search.Add({.expected = 0.025, .measured = 0.0299, .bytes = 80});
  EXPECT_EQ(search.Best(), 2u);
  EXPECT_TRUE(search.Tried(70));
  EXPECT_FALSE(search.Tried(75));
}

TEST(DivergenceSearch, EndsWhereNothingIsLost) {
  DivergenceSearch search(0.03);
  search.Add({.expected = 0.0, .measured = 0.0, .bytes = 70});
  EXPECT_FALSE(search.Next());
  EXPECT_EQ(search.Best(), 0u);
}

TEST(DivergenceSearch, DoesNotTrustALossThatIsNoNumber) {
  DivergenceSearch search(0.03);
  search.Add({.expected = 0.03, .measured = std::nan(""), .bytes = 70});
  EXPECT_FALSE(search.Next());
  EXPECT_FALSE(search.Best());
}

}  // namespace
}  // namespace altteul::compress
