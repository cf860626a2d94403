// SPDX-License-Identifier: Apache-2.0

#include "compute/fenced_compute.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"
#include "compute/cpu_compute.h"

namespace altteul::compute {
namespace {

constexpr size_t kWidth = 64, kOutputs = 48, kRows = 3;
constexpr TapeLimits kLimits = {.max_rows = 8,
                                .widest = kWidth,
                                .widest_glu = kWidth,
                                .widest_head = kWidth,
                                .most_heads = 1,
                                .longest = 64,
                                .widest_rank = 0};

std::vector<float> RandomFloats(size_t n, const char* purpose) {
  const RandomStream random(7, purpose);
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = random.Normal(i);
  return values;
}

/// A norm and a matrix, and the tape that multiplies with them.
struct Layer {
  std::vector<float> norm = RandomFloats(kWidth, "norm");
  std::vector<float> matrix = RandomFloats(kWidth * kOutputs, "matrix");
  std::vector<float> bias = RandomFloats(kOutputs, "bias");
  std::vector<float> in = RandomFloats(kWidth * kRows, "in");
  std::vector<float> out = std::vector<float>(kOutputs * kRows, 1.0f);
  Linear linear{.w = {.rows = kOutputs,
                      .cols = kWidth,
                      .data = reinterpret_cast<const std::byte*>(matrix.data())},
                .bias = bias.data()};

  /// out = linear(norm(in)), the norm in memory of the compute.
  void Write(Tape& tape, Floats normed) {
    tape.Clear(kRows);
    const Floats lent_in = tape.Lend(std::span<const float>(in));
    const Floats lent_out = tape.Lend(out, Tape::Loan::kWritten);
    tape.Add(ProductsStep{.in = lent_in,
                          .norm = {.weight = norm.data(), .eps = 1e-5f},
                          .normed = normed,
                          .outputs = {Output{.linear = &linear, .out = lent_out}},
                          .n_outputs = 1});
  }
  std::vector<std::unique_ptr<Owned>> HandOver(Compute& compute) {
    std::vector<std::unique_ptr<Owned>> held;
    for (const std::vector<float>* floats : {&norm, &matrix, &bias}) {
      held.push_back(std::move(compute.Hold(std::as_bytes(std::span(*floats)))).value());
    }
    return held;
  }
};

class FencedComputeTest : public ::testing::TestWithParam<int> {
 protected:
  Memory NewMemory(size_t n_floats) {
    return std::move(compute_.Allocate(n_floats * sizeof(float), "a test")).value();
  }
  Floats NewFloats(size_t n) {
    kept_.push_back(NewMemory(n));
    return kept_.back().at.as<float>();
  }
  /// What lies there: a tape brings it.
  std::vector<float> Fetch(Floats from, size_t n) {
    std::vector<float> values(n);
    tape_.Clear(1);
    const size_t row = 0;
    tape_.Add(GatherStep{.in = from,
                         .rows = {&row, 1},
                         .width = n,
                         .out = tape_.Lend(values, Tape::Loan::kWritten)});
    EXPECT_TRUE(player_->Play(tape_).ok());
    const Status finished = player_->Finish();
    EXPECT_TRUE(finished.ok()) << finished.message();
    return values;
  }
  /// Queued.
  void Put(const std::vector<float>& values, Floats to) {
    static constexpr size_t kFirst = 0;
    tape_.Clear(1);
    tape_.Add(GatherStep{.in = tape_.Lend(std::span<const float>(values)),
                         .rows = {&kFirst, 1},
                         .width = values.size(),
                         .out = to});
    EXPECT_TRUE(player_->Play(tape_).ok());
  }

  ThreadTeam team_{1};
  FencedCompute compute_{team_, GetParam()};
  std::unique_ptr<Player> player_ = std::move(compute_.NewPlayer(kLimits)).value();
  std::vector<Memory> kept_;
  Tape tape_;
};

using FencedComputeDeathTest = FencedComputeTest;

// The test of the tests: whoever looks behind an address ends.
TEST_P(FencedComputeDeathTest, TheHostCannotTouchItsMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Floats memory = NewFloats(16);
  volatile float* place = memory.place();
  EXPECT_DEATH(static_cast<void>(*place), "");
  EXPECT_DEATH(*place = 1.0f, "");
  Put(std::vector<float>(16, 2.0f), memory);
  EXPECT_EQ(Fetch(memory, 16), std::vector<float>(16, 2.0f)) << "while a tape can";
  EXPECT_DEATH(static_cast<void>(*place), "") << "and behind it";
}

TEST_P(FencedComputeTest, GivesTheReferencesBits) {
  Layer layer;
  const auto held = layer.HandOver(compute_);
  layer.Write(tape_, NewFloats(kWidth * kRows));
  ASSERT_TRUE(player_->Play(tape_).ok());
  const Status status = player_->Finish();
  ASSERT_TRUE(status.ok()) << status.message();
  const std::vector<float> fenced = layer.out;

  ThreadTeam team(GetParam());
  CpuCompute cpu(kernels::kReferenceKernels, team);
  const auto player = std::move(cpu.NewPlayer(kLimits)).value();
  std::vector<float> normed(kWidth * kRows);
  layer.Write(tape_, Floats(normed.data()));
  ASSERT_TRUE(player->Play(tape_).ok());
  EXPECT_EQ(fenced, layer.out);
}

TEST_P(FencedComputeTest, NothingIsSeenBeforeFinish) {
  Layer layer;
  const auto held = layer.HandOver(compute_);
  const std::vector<float> before = layer.out;
  layer.Write(tape_, NewFloats(kWidth * kRows));
  ASSERT_TRUE(player_->Play(tape_).ok());
  EXPECT_EQ(layer.out, before);
  tape_.Clear(1);  // the tape itself need not stay, only what its steps show to
  ASSERT_TRUE(player_->Finish().ok());
  EXPECT_NE(layer.out, before);
}

TEST_P(FencedComputeTest, OnlyWhatWasHandedOverCanBeNamed) {
  Layer layer;
  const Floats normed = NewFloats(kWidth * kRows);
  const auto play = [&] {
    layer.Write(tape_, normed);
    EXPECT_TRUE(player_->Play(tape_).ok());
    return player_->Finish();
  };
  const auto before = layer.out;
  Status status = play();
  EXPECT_NE(status.message().find("handed over"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("step 0"), std::string::npos) << status.message();
  EXPECT_EQ(layer.out, before);
  auto held = layer.HandOver(compute_);
  EXPECT_TRUE(play().ok());
  EXPECT_EQ(compute_.held_bytes(), (kWidth + kWidth * kOutputs + kOutputs) * sizeof(float));
  held.erase(held.begin() + 1);
  status = play();
  EXPECT_NE(status.message().find("a matrix, 12288 bytes"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("given back"), std::string::npos) << status.message();
  // Whole matrices only: a part is not enough.
  const auto part =
      std::move(compute_.Hold(std::as_bytes(std::span(layer.matrix).first(kWidth)))).value();
  EXPECT_FALSE(play().ok());
  const auto whole = std::move(compute_.Hold(std::as_bytes(std::span(layer.matrix)))).value();
  EXPECT_TRUE(play().ok());
}

TEST_P(FencedComputeTest, TheHostsOwnMemoryIsRefused) {
  std::vector<float> mine(kWidth);
  tape_.Clear(1);
  tape_.Add(SoftcapStep{.x = Floats(mine.data()), .width = kWidth, .cap = 1.0f});
  ASSERT_TRUE(player_->Play(tape_).ok());
  const Status status = player_->Finish();
  EXPECT_NE(status.message().find("what is capped"), std::string::npos) << status.message();
  // Lent, it may be named, but no farther than it goes.
  tape_.Clear(1);
  const Floats lent = tape_.Lend(mine, Tape::Loan::kChanged);
  tape_.Add(SoftcapStep{.x = lent, .width = kWidth, .cap = 1.0f});
  ASSERT_TRUE(player_->Play(tape_).ok());
  EXPECT_TRUE(player_->Finish().ok());
  tape_.Add(SoftcapStep{.x = lent + 1, .width = kWidth, .cap = 1.0f});
  ASSERT_TRUE(player_->Play(tape_).ok());
  EXPECT_FALSE(player_->Finish().ok());
}

TEST_P(FencedComputeTest, LentMemoryIsReadOrWrittenAsItWasSaid) {
  const std::vector<float> values = RandomFloats(kWidth, "values");
  std::vector<float> read = values, written = values, changed = values;
  tape_.Clear(1);
  for (const auto& [floats, loan] :
       {std::pair{&read, Tape::Loan::kRead}, std::pair{&written, Tape::Loan::kWritten},
        std::pair{&changed, Tape::Loan::kChanged}}) {
    tape_.Add(SoftcapStep{.x = tape_.Lend(*floats, loan), .width = kWidth / 2, .cap = 0.5f});
  }
  ASSERT_TRUE(player_->Play(tape_).ok());
  ASSERT_TRUE(player_->Finish().ok());
  EXPECT_EQ(read, values);
  for (size_t i = 0; i < kWidth; ++i) {
    EXPECT_TRUE(std::isnan(written[i])) << i << ": nothing of the host's is there to be read";
    EXPECT_EQ(changed[i] == values[i], i >= kWidth / 2) << i;
  }
}

TEST_P(FencedComputeTest, MemoryIsZeroedAndCopied) {
  const Floats a = NewFloats(kWidth), b = NewFloats(kWidth);
  EXPECT_EQ(Fetch(a, kWidth), std::vector<float>(kWidth, 0.0f));
  const std::vector<float> values = RandomFloats(kWidth, "values");
  Put(values, a);
  compute_.Copy(b.as<std::byte>(), a.as<std::byte>(), kWidth * sizeof(float));
  Put(std::vector<float>(kWidth, 3.0f), a);
  EXPECT_EQ(Fetch(b, kWidth), values) << "copies take their turn among the tapes";
}

TEST_P(FencedComputeTest, AFailedCopyIsToldByTheNextFinish) {
  const Floats a = NewFloats(kWidth), b = NewFloats(kWidth);
  const auto copy = [&](size_t n_floats) {
    compute_.Copy(b.as<std::byte>(), a.as<std::byte>(), n_floats * sizeof(float));
  };
  compute_.FailCopy(2);
  copy(kWidth);
  EXPECT_TRUE(player_->Finish().ok());
  copy(kWidth);
  copy(kWidth);
  Status status = player_->Finish();
  EXPECT_EQ(status.message(), "a copy of 256 bytes failed, as it was told to");
  EXPECT_TRUE(player_->Finish().ok());
  copy(kWidth + 1);
  status = player_->Finish();
  EXPECT_NE(status.message().find("not of this compute"), std::string::npos) << status.message();
}

TEST_P(FencedComputeTest, ATapeBehindAFailureIsNotPlayed) {
  const Floats a = NewFloats(kWidth), b = NewFloats(kWidth);
  compute_.FailCopy(1);
  compute_.Copy(b.as<std::byte>(), a.as<std::byte>(), 64);
  Put(std::vector<float>(kWidth, 3.0f), a);
  EXPECT_FALSE(player_->Finish().ok());
  EXPECT_EQ(Fetch(a, kWidth), std::vector<float>(kWidth, 0.0f));
}

TEST_P(FencedComputeTest, AnyStepOfAnyTapeCanFail) {
  const Floats a = NewFloats(kWidth), b = NewFloats(kWidth);
  const std::vector<float> values(kWidth, 2.0f);
  const auto play = [&] {
    static constexpr size_t kFirst = 0;
    tape_.Clear(1);
    const Floats lent = tape_.Lend(std::span<const float>(values));
    for (const Floats to : {a, b}) {
      tape_.Add(GatherStep{.in = lent, .rows = {&kFirst, 1}, .width = kWidth, .out = to});
    }
    EXPECT_TRUE(player_->Play(tape_).ok());
    EXPECT_EQ(compute_.n_steps_of_last_tape(), 2u);
    return player_->Finish();
  };
  compute_.FailStep(2, 1);
  EXPECT_TRUE(play().ok());
  Put(std::vector<float>(kWidth, 0.0f), a);
  EXPECT_EQ(player_->Finish().message(), "step 1 of a tape failed, as it was told to");
  Put(std::vector<float>(kWidth, 0.0f), b);
  EXPECT_TRUE(player_->Finish().ok());
  compute_.FailStep(1, 1);
  EXPECT_EQ(play().message(), "step 1 of a tape failed, as it was told to");
  EXPECT_EQ(Fetch(a, kWidth), values) << "what came before it was played";
  EXPECT_EQ(Fetch(b, kWidth), std::vector<float>(kWidth, 0.0f));
  EXPECT_TRUE(play().ok());
}

TEST_P(FencedComputeTest, AnyAllocationCanFail) {
  compute_.FailAllocate(2);
  EXPECT_TRUE(compute_.Allocate(64, "one").ok());
  const Status status = compute_.Allocate(64, "two").status();
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_EQ(status.message(), "no 64 bytes for two, as it was told to");
  EXPECT_TRUE(compute_.Allocate(64, "three").ok());
  EXPECT_EQ(compute_.Allocate(uint64_t{1} << 62, "all").status().code(), ErrorCode::kOutOfMemory);
}

INSTANTIATE_TEST_SUITE_P(OwnTeam, FencedComputeTest, ::testing::Values(1, 2));
INSTANTIATE_TEST_SUITE_P(OwnTeam, FencedComputeDeathTest, ::testing::Values(1));

}  // namespace
}  // namespace altteul::compute
