// SPDX-License-Identifier: Apache-2.0

#include "engine/speculation_pace.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/random.h"

namespace altteul::engine {
namespace {

std::vector<float> Chances(float chance, size_t n = 16) { return std::vector<float>(n, chance); }

// A machine on which a row beside others costs `row` of a pass alone, and guesses that come true
// with `chance`. What an answer of n tokens takes, in passes of one row.
struct Machine {
  double row;
  float chance;
  double guess = 0;    ///< seconds a guess
  float believed = 0;  ///< chance as the speculator sees it; 0: as it is
  double noise = 0;    ///< a pass takes up to this share longer

  double Seconds(SpeculationPace& pace, size_t n_tokens, uint64_t seed = 1) const {
    const RandomStream random(seed, "machine");
    uint64_t draws = 0;
    double seconds = 0;
    pace.BeginAnswer();
    for (size_t done = 0; done < n_tokens;) {
      const size_t k = pace.Choose(Chances(believed == 0 ? chance : believed));
      if (k != 0) pace.RecordGuess(k, guess * static_cast<double>(k));
      const double pass =
          (1 + row * static_cast<double>(k)) * (1 + noise * random.Uniform(draws++));
      pace.RecordPass(1 + k, pass);
      seconds += pass + guess * static_cast<double>(k);
      ++done;
      for (size_t i = 0; i < k; ++i) {
        if (random.Uniform(draws++) >= static_cast<double>(chance)) break;
        pace.RecordHit();
        ++done;
      }
    }
    return seconds;
  }
};

TEST(SpeculationPaceTest, GuessesNothingBeforeAPassWasMeasured) {
  SpeculationPace pace;
  EXPECT_EQ(pace.Choose(Chances(1)), 0u);
  pace.RecordPass(1, 1.0);
  EXPECT_EQ(pace.Choose(Chances(1)), 16u);
  EXPECT_EQ(pace.Choose({}), 0u);
}

TEST(SpeculationPaceTest, SureCopiesAreGuessedAtLengthAndHopelessOnesNotAtAll) {
  SpeculationPace pace;
  const double copied = Machine{.row = 0.1, .chance = 0.98f}.Seconds(pace, 2000);
  EXPECT_LT(copied, 2000.0 / 3);  // 17 rows for 2.6 passes, about 14 tokens
  EXPECT_EQ(pace.Choose(Chances(0.02f)), 0u);
}

TEST(SpeculationPaceTest, LongerProposalsForBetterChances) {
  SpeculationPace pace;
  pace.RecordPass(1, 1.0);
  for (size_t rows = 2; rows < 18; ++rows) {
    pace.RecordPass(rows, 1 + 0.1 * static_cast<double>(rows - 1));
  }
  pace.BeginAnswer();
  size_t last = 0;
  for (const float chance : {0.3f, 0.5f, 0.7f, 0.9f, 0.99f}) {
    const size_t k = pace.Choose(Chances(chance));
    EXPECT_GT(k, last) << chance;
    last = k;
  }
}

// On a machine where each row costs a whole pass, no guess can pay.
TEST(SpeculationPaceTest, RowsThatCostAPassAreSoonFoundOut) {
  SpeculationPace pace;
  const size_t n = 1000;
  EXPECT_LT((Machine{.row = 1.0, .chance = 0.9f}.Seconds(pace, n)), 1.03 * n);
}

TEST(SpeculationPaceTest, AnExpensiveDraftIsSoonGivenUp) {
  SpeculationPace pace;
  EXPECT_LT((Machine{.row = 0.1, .chance = 0.9f, .guess = 1.0}.Seconds(pace, 1000)), 1030.0);
}

// The allowance: 2 passes and 1 % of the time, and the pass that uses it up (16 guesses).
TEST(SpeculationPaceTest, WrongBeliefsCostNoMoreThanTheAllowance) {
  for (const size_t n : {50u, 200u, 1000u, 5000u}) {
    for (const double row : {0.05, 0.2, 0.5, 1.0}) {
      SpeculationPace pace;
      const Machine machine{.row = row, .chance = 0.01f, .guess = 0, .believed = 0.95f};
      const auto plain = static_cast<double>(n);
      const double largest_pass = 16 * row;
      EXPECT_LE(machine.Seconds(pace, n),
                plain * 1.011 + SpeculationPace::kFreePasses + largest_pass)
          << n << " tokens, a row costs " << row;
    }
  }
}

// What text costs that does not copy itself, on a noisy machine too.
TEST(SpeculationPaceTest, PoorChancesNeverCostThreePercent) {
  for (const double noise : {0.0, 0.3, 1.0}) {
    for (const float chance : {0.05f, 0.2f, 0.3f, 0.4f}) {
      for (const double row : {0.1, 0.2, 0.4}) {
        SpeculationPace pace;
        double with = 0, without = 0;
        for (uint64_t answer = 0; answer < 20; ++answer) {
          const Machine machine{
              .row = row, .chance = chance, .guess = 0, .believed = 0, .noise = noise};
          SpeculationPace none;
          with += machine.Seconds(pace, 128, answer);
          const Machine alone{.row = 1e9, .chance = 0, .guess = 0, .believed = 0, .noise = noise};
          without += alone.Seconds(none, 128, answer);
        }
        EXPECT_LT(with, without * 1.03)
            << "chance " << chance << ", row " << row << ", noise " << noise;
      }
    }
  }
}

TEST(SpeculationPaceTest, OneDisturbedPassIsNotBelievedForEver) {
  SpeculationPace pace;
  const Machine machine{.row = 0.1, .chance = 0.95f};
  machine.Seconds(pace, 200);
  pace.BeginAnswer();
  for (size_t rows = 2; rows < 18; ++rows) pace.RecordPass(rows, 1000.0);
  pace.BeginAnswer();
  const double after = machine.Seconds(pace, 3000);
  EXPECT_LT(after, 3000.0 / 2);
}

}  // namespace
}  // namespace altteul::engine
