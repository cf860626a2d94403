// SPDX-License-Identifier: Apache-2.0

// What compute/compute.h demands of a device apart from arithmetic: where values are, in which
// order things happen, and that what cannot be done is refused before it is begun.

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "opencl/feed_forward.h"
#include "opencl/opencl_pair.h"

namespace altteul::tests {
namespace {

class OpenClSeamTest : public ::testing::Test {
 protected:
  OpenClSeamTest() : pair_({&kernels::kReferenceKernels, 4}) {}
  void SetUp() override {
    if (pair_.status().code() == ErrorCode::kNotFound) GTEST_SKIP() << pair_.status().message();
    ASSERT_TRUE(pair_.status().ok()) << pair_.status().message();
  }

  Pair pair_;
};

TEST_F(OpenClSeamTest, ValuesBetweenStepsStayOnTheDeviceAndATapeWaitsOnce) {
  constexpr size_t kRows = 7;
  const FeedForward block(DType::kQ4_0, 96, 224);
  const Held held = block.HoldOn(pair_);
  std::vector<Array> expected = block.Arrays(kRows);
  const auto write_all = [&](Tape& tape, const std::vector<Floats>& lent) {
    block.Write(tape, lent);
  };
  ASSERT_TRUE(Pair::Play(pair_.device(), kRows, expected, write_all).ok());

  Result<compute::Memory> memory = pair_.device().Allocate(1 << 20, "values");
  ASSERT_TRUE(memory.ok()) << memory.status().message();
  const OpenClDevice& device = pair_.device().device();
  const size_t n_launches = device.n_launches(), n_waits = device.n_waits();
  std::vector<Array> x = {expected[0]};
  x[0].values = block.Arrays(kRows)[0].values;
  const Status played =
      Pair::Play(pair_.device(), kRows, x, [&](Tape& tape, const std::vector<Floats>& lent) {
        compute::Carver carver(memory.value().at);
        std::vector<Floats> at = lent;
        for (size_t i = 1; i < 5; ++i) at.push_back(carver.Take<float>(kRows * 224));
        block.Write(tape, at);
      });
  ASSERT_TRUE(played.ok()) << played.message();
  ExpectSameBits(x[0].values, expected[0].values, "x");
  EXPECT_EQ(device.n_launches() - n_launches, 7U);  // norm, quantize, two products, glu, and again
  EXPECT_EQ(device.n_waits() - n_waits, 1U);
}

TEST_F(OpenClSeamTest, TheHostCannotReadTheDevicesMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Result<compute::Memory> memory = pair_.device().Allocate(4096, "a page");
  ASSERT_TRUE(memory.ok());
  volatile const std::byte* place = memory.value().at.place();
  EXPECT_EXIT(std::exit(static_cast<int>(place[100])), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(OpenClSeamTest, CopiesComeBeforeTheNextTape) {
  constexpr size_t kWidth = 100, kBytes = kWidth * sizeof(float);
  const std::vector<float> x = NormalValues(kWidth, "x"), ones(kWidth, 1.0f);
  const Held held = pair_.Hold(ones);
  Result<compute::Memory> memory = pair_.device().Allocate(4 * kBytes, "values");
  ASSERT_TRUE(memory.ok());
  const auto first = memory.value().at.as<float>(), second = first + 2 * kWidth;
  const NormWeights norm = {ones.data(), 0.0f, 1e-6f};
  std::vector<Array> in = {Read(x)}, out = {Written(kWidth)};
  ASSERT_TRUE(Pair::Play(pair_.device(), 1, in, [&](Tape& tape, const std::vector<Floats>& lent) {
                tape.Add(compute::NormStep{lent[0], first, 1, kWidth, norm});
              }).ok());
  pair_.device().Copy(second.as<std::byte>(), first.as<std::byte>(), kBytes);
  ASSERT_TRUE(Pair::Play(pair_.device(), 1, out, [&](Tape& tape, const std::vector<Floats>& lent) {
                tape.Add(compute::NormStep{second, lent[0], 1, kWidth, norm});
              }).ok());
  double sum = 0.0;
  for (const float value : out[0].values) sum += double{value} * value;
  EXPECT_NEAR(sum / kWidth, 1.0, 1e-5);

  pair_.device().Copy(second.as<std::byte>(), first.as<std::byte>(), 3 * kBytes);
  const Status status = Pair::Play(pair_.device(), 1, out, [](Tape&, const auto&) {});
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument) << status.message();
  EXPECT_TRUE(Pair::Play(pair_.device(), 1, out, [](Tape&, const auto&) {}).ok())
      << "an error is told once";
}

TEST_F(OpenClSeamTest, RefusesByNameWhatItDoesNotKnowAndBeginsNothing) {
  const Layer layer = RandomLayer(DType::kQ4_0, 32, 32);
  const Held held = pair_.Hold(layer);
  const Layer q4_1 = RandomLayer(DType::kQ4_1, 32, 32);
  compute::Linear of_file = layer.linear;
  of_file.w.form = kernels::RestForm::kFileRows;
  const compute::AdapterRows adapter = {0, 1, &layer.linear, &layer.linear};

  const auto product = [](const compute::Linear& linear, const std::vector<Floats>& lent) {
    return compute::ProductsStep{.in = lent[0],
                                 .outputs = {compute::Output{.linear = &linear, .out = lent[1]}},
                                 .n_outputs = 1};
  };
  const auto expect_refused = [&](const Pair::Write& write, const std::string& name) {
    const size_t n_launches = pair_.device().device().n_launches();
    std::vector<Array> arrays = {Read(NormalValues(32, "x")), Written(32)};
    const Status status =
        Pair::Play(pair_.device(), 1, arrays, [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(product(layer.linear, lent));
          write(tape, lent);
        });
    EXPECT_EQ(status.code(), ErrorCode::kUnsupported) << status.message();
    EXPECT_NE(status.message().find(name), std::string::npos) << status.message();
    EXPECT_EQ(pair_.device().device().n_launches(), n_launches);
    EXPECT_EQ(arrays[1].values, Written(32).values);
  };
  expect_refused(
      [](Tape& tape, const std::vector<Floats>& lent) {
        tape.Add(compute::SoftcapStep{.x = lent[1], .width = 32, .cap = 30.0f});
      },
      "SoftcapStep");
  expect_refused([](Tape& tape, const auto&) { tape.Add(compute::AttendStep{}); }, "AttendStep");
  expect_refused([&](Tape& tape, const auto& lent) { tape.Add(product(q4_1.linear, lent)); },
                 "Q4_1");
  expect_refused([&](Tape& tape, const auto& lent) { tape.Add(product(of_file, lent)); },
                 "rows of a file");
  expect_refused(
      [&](Tape& tape, const auto& lent) {
        compute::ProductsStep step = product(layer.linear, lent);
        step.outputs[0].adapters = {&adapter, 1};
        tape.Add(step);
      },
      "adapters");
}

TEST_F(OpenClSeamTest, WeightsAreThereWhileTheyAreHeld) {
  const Layer layer = RandomLayer(DType::kQ4_0, 32, 32);
  std::vector<Array> arrays = {Read(NormalValues(32, "x")), Written(32)};
  const auto write = [&](Tape& tape, const std::vector<Floats>& lent) {
    tape.Add(
        compute::ProductsStep{.in = lent[0],
                              .outputs = {compute::Output{.linear = &layer.linear, .out = lent[1]}},
                              .n_outputs = 1});
  };
  const auto play = [&] { return Pair::Play(pair_.device(), 1, arrays, write); };
  EXPECT_NE(play().message().find("weight matrix"), std::string::npos);
  {
    Result<std::unique_ptr<compute::Owned>> held = pair_.device().Hold(layer.bytes);
    ASSERT_TRUE(held.ok()) << held.status().message();
    EXPECT_TRUE(play().ok()) << play().message();
  }
  EXPECT_FALSE(play().ok());
}

TEST_F(OpenClSeamTest, MemoryBeyondTheDevicesIsRefused) {
  const Result<compute::Memory> memory = pair_.device().Allocate(uint64_t{1} << 50, "too much");
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(memory.status().message().find("too much"), std::string::npos);
}

}  // namespace
}  // namespace altteul::tests
