// SPDX-License-Identifier: Apache-2.0

// One linear layer and its neighbours, played by an OpenCL device and by the processor from the
// same tapes. All of it is equal bit for bit: quantized activations, products (Q4_0, Q8_0, Q4_K),
// gated units and sums whatever the processor's instruction set, norms because the device adds in
// the order of that set (kernel Norm). There is no tolerance here.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "opencl/feed_forward.h"
#include "opencl/opencl_pair.h"

namespace altteul::tests {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

constexpr size_t kTokens[] = {1, 2, 7, 33};
constexpr DType kTypes[] = {DType::kQ4_0, DType::kQ8_0, DType::kQ4_K};

class OpenClStepsTest : public ::testing::TestWithParam<TableOfNorms> {
 protected:
  OpenClStepsTest() : pair_(GetParam()) {}
  void SetUp() override {
    if (pair_.status().code() == ErrorCode::kNotFound) GTEST_SKIP() << pair_.status().message();
    ASSERT_TRUE(pair_.status().ok()) << pair_.status().message();
  }

  Pair pair_;
};

std::string Describe(DType type, size_t rows, size_t cols, size_t n_tokens) {
  return std::string(TraitsOf(type).name) + " [" + std::to_string(rows) + ", " +
         std::to_string(cols) + "], " + std::to_string(n_tokens) + " tokens";
}

// ---- products ----

struct Shape {
  size_t rows, cols;
};
// One row, less than a group, whole groups and a part of one; columns of one block and of many.
constexpr Shape kShapes[] = {{1, 256}, {7, 512}, {16, 32}, {40, 96}, {97, 256}, {128, 2048}};

TEST_P(OpenClStepsTest, ProductsHaveTheProcessorsBits) {
  for (const DType type : kTypes) {
    for (const auto [rows, cols] : kShapes) {
      if (cols % TraitsOf(type).block_elements != 0) continue;
      Layer layer = RandomLayer(type, rows, cols);
      if (rows != 97) layer.AddBias();
      const Held held = pair_.Hold(layer);
      for (const size_t n_tokens : kTokens) {
        const auto write = [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(compute::ProductsStep{
              .in = lent[0],
              .outputs = {compute::Output{.linear = &layer.linear, .out = lent[1]}},
              .n_outputs = 1});
        };
        pair_.ExpectSame(n_tokens,
                         {Read(NormalValues(n_tokens * cols, "x")), Written(n_tokens * rows)},
                         write, Describe(type, rows, cols, n_tokens));
      }
    }
  }
}

TEST_P(OpenClStepsTest, ProductsSideBySideWriteTheirColumnsOnly) {
  constexpr size_t kCols = 64, kStride = 40;
  const Layer first = RandomLayer(DType::kQ4_0, 23, kCols);
  const Layer second = RandomLayer(DType::kQ8_0, 9, kCols);
  const Held held_first = pair_.Hold(first), held_second = pair_.Hold(second);
  for (const size_t n_tokens : kTokens) {
    // Columns 23 to 25 and from 35 on are nobody's.
    pair_.ExpectSame(
        n_tokens,
        {Read(NormalValues(n_tokens * kCols, "x")),
         Changed(NormalValues(n_tokens * kStride, "old"))},
        [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(compute::ProductsStep{
              .in = lent[0],
              .outputs = {compute::Output{&first.linear, lent[1], kStride, {}},
                          compute::Output{&second.linear, lent[1] + 26, kStride, {}}},
              .n_outputs = 2});
        },
        std::to_string(n_tokens) + " tokens");
  }
}

TEST_P(OpenClStepsTest, ActivationsOfAnySizeAreQuantizedAlike) {
  constexpr size_t kRows = 33, kCols = 256;
  // Around 2^-121 codes become 0, around 2^-119 scales become subnormal.
  constexpr int kExponents[] = {-149, -140, -126, -122, -121, -120, -119, -118, -50, 0, 50, 120};
  const Layer unit = UnitLayer(kCols), mins = RandomLayer(DType::kQ4_K, 40, kCols);
  const Held held_unit = pair_.Hold(unit), held_mins = pair_.Hold(mins);
  for (const int exponent : kExponents) {
    std::vector<float> x = NormalValues(kRows * kCols, "odd");
    for (float& value : x) value = std::ldexp(value, exponent);
    std::fill_n(x.begin() + 40, 70, 0.0f);
    pair_.ExpectSame(
        kRows, {Read(x), Written(kRows * kCols), Written(kRows * 40)},
        [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(compute::ProductsStep{
              .in = lent[0],
              .outputs = {compute::Output{.linear = &unit.linear, .out = lent[1]},
                          compute::Output{.linear = &mins.linear, .out = lent[2]}},
              .n_outputs = 2});
        },
        "values of about 2^" + std::to_string(exponent));
  }
}

TEST_P(OpenClStepsTest, CodesLieHalfwayAndNumbersAreMissingAlike) {
  constexpr size_t kCols = 96;
  const Layer layer = UnitLayer(kCols);
  const Held held = pair_.Hold(layer);
  for (const float odd : {127.0f, kInfinity, -kInfinity, kNan}) {
    std::vector<float> x(2 * kCols);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 32) - 15.5f;
    for (size_t block = 0; block < 3; ++block) x[kCols + 32 * block + 5] = 127.0f;  // factor 1
    x[kCols + 40] = odd;
    pair_.ExpectSame(
        2, {Read(x), Written(2 * kCols)},
        [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(compute::ProductsStep{
              .in = lent[0],
              .outputs = {compute::Output{.linear = &layer.linear, .out = lent[1]}},
              .n_outputs = 1});
        },
        "one value is " + std::to_string(odd));
  }
}

// ---- the neighbours ----

TEST_P(OpenClStepsTest, NormsHaveTheProcessorsBits) {
  for (const size_t width : {1, 7, 15, 17, 33, 64, 100, 257, 576, 2048}) {
    const std::vector<float> weight = NormalValues(width, "norm");
    const Held held = pair_.Hold(weight);
    for (const size_t parts : {1, 3}) {
      for (const float size : {1.0f, 1e-12f, 1e12f}) {
        constexpr size_t kRows = 7;
        std::vector<float> x = NormalValues(kRows * parts * width, "x");
        for (float& value : x) value *= size;
        const size_t n = x.size();
        pair_.ExpectSame(
            kRows, {Read(x), Written(n), Changed(x)},
            [&](Tape& tape, const std::vector<Floats>& lent) {
              const NormWeights norm = {weight.data(), parts == 1 ? 0.0f : 1.0f, 1e-6f};
              tape.Add(compute::NormStep{lent[0], lent[1], parts, width, norm});
              tape.Add(compute::NormStep{lent[2], lent[2], parts, width, norm});
            },
            "norm of " + std::to_string(parts) + " x " + std::to_string(width) + " values of 2^" +
                std::to_string(std::ilogb(size)));
      }
    }
  }
}

TEST_P(OpenClStepsTest, GatedUnitsHaveTheProcessorsBits) {
  std::vector<float> gate;
  for (int i = -4000; i <= 4000; ++i) gate.push_back(static_cast<float>(i) * 0.0251f);
  for (int i = -60; i <= 12; ++i) {
    gate.push_back(std::ldexp(1.1f, i));
    gate.push_back(-std::ldexp(1.3f, i));
  }
  for (const float odd : {0.0f, -0.0f, kInfinity, -kInfinity, kNan, 1e30f, -1e30f, -87.0f}) {
    gate.push_back(odd);
  }
  const size_t width = gate.size();
  for (const auto activation : {kernels::Activation::kSilu, kernels::Activation::kGeluTanh}) {
    pair_.ExpectSame(
        1, {Changed(gate), Read(NormalValues(width, "up")), Written(width)},
        [&](Tape& tape, const std::vector<Floats>& lent) {
          tape.Add(compute::GluStep{lent[0], lent[1], lent[2], width, activation});
          tape.Add(compute::GluStep{lent[0], lent[1], lent[0], width, activation});
        },
        activation == kernels::Activation::kSilu ? "silu" : "gelu");
  }
}

// ---- a block ----

TEST_P(OpenClStepsTest, ABlockHasTheProcessorsBits) {
  constexpr Shape kBlocks[] = {{96, 32}, {224, 96}, {512, 256}};
  for (const DType type : kTypes) {
    for (const auto [inner, hidden] : kBlocks) {
      if (inner % TraitsOf(type).block_elements != 0 ||
          hidden % TraitsOf(type).block_elements != 0) {
        continue;
      }
      for (const bool with_options : {false, true}) {
        FeedForward block(type, hidden, inner);
        if (with_options) block.AddOptions();
        const Held held = block.HoldOn(pair_);
        for (const size_t n_tokens : kTokens) {
          pair_.ExpectSame(
              n_tokens, block.Arrays(n_tokens),
              [&](Tape& tape, const std::vector<Floats>& lent) { block.Write(tape, lent); },
              "a block of " + Describe(type, inner, hidden, n_tokens));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, OpenClStepsTest, ::testing::ValuesIn(FastTables()),
                         [](const auto& table) { return std::string(table.param.kernels->name); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OpenClStepsTest);

}  // namespace
}  // namespace altteul::tests
