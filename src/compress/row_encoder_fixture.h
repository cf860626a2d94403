// SPDX-License-Identifier: Apache-2.0

// What the tests of all row encoders share: correlated inputs, rows, and what encoding them lost.

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "compress/row_encoder.h"
#include "compress/second_order.h"
#include "compute/cpu_compute.h"
#include "kernels/codecs/codec.h"
#include "kernels/kernel_table.h"

namespace altteul::compress::testing {

/// Inputs with correlated columns, some much larger than others.
inline Moments CorrelatedMoments(size_t n_cols, size_t n_tokens) {
  const RandomStream random(3, "inputs");
  Moments moments;
  moments.n = n_cols;
  moments.tokens = static_cast<double>(n_tokens);
  moments.own = std::move(SquareMatrix::Create(n_cols)).value();
  std::vector<float> x(n_cols);
  for (size_t t = 0; t < n_tokens; ++t) {
    float shared = 0;
    for (size_t c = 0; c < n_cols; ++c) {
      shared = 0.7f * shared + random.Normal(t * n_cols + c);
      x[c] = c % 31 == 5 ? 6.0f * shared : shared;
    }
    for (size_t i = 0; i < n_cols; ++i) {
      for (size_t j = 0; j < n_cols; ++j) moments.own.data()[i * n_cols + j] += x[i] * x[j];
    }
  }
  return moments;
}

inline const kernels::KernelTable& Kernels() {
  return *kernels::SelectKernels("", DetectCpuFeatures()).value();
}

/// @tparam Type  what an encoder is made for; Type::type is its DType
template <class Encoder, class Type, size_t kCols, size_t kTokens>
class RowEncoderTest : public ::testing::TestWithParam<Type> {
 protected:
  static const Metric& metric() {
    static const Metric kMetric = [] {
      ThreadTeam team(1);
      compute::CpuCompute compute(Kernels(), team);
      return MakeMetric(CorrelatedMoments(kCols, kTokens), 0.02, compute).value();
    }();
    return kMetric;
  }
  static Encoder With(const Metric* metric, const EncodeSteps& steps = {}) {
    return Encoder(RowEncoderTest::GetParam(), metric, steps, Kernels());
  }
  static std::vector<float> Row(uint64_t number) {
    const RandomStream random(11, "rows");
    std::vector<float> row(kCols);
    for (size_t c = 0; c < kCols; ++c) row[c] = 0.05f * random.Normal(number * kCols + c);
    return row;
  }
  static std::vector<std::byte> Encoded(Encoder& encoder, const std::vector<float>& row) {
    std::vector<std::byte> bytes(*RowBytes(RowEncoderTest::GetParam().type, kCols));
    encoder.Encode(row, bytes.data());
    return bytes;
  }
  static std::vector<float> Decoded(const std::vector<std::byte>& bytes) {
    std::vector<float> row(kCols);
    kernels::FindCodec(RowEncoderTest::GetParam().type)->decode(bytes.data(), kCols, row.data());
    return row;
  }

  /// (q - w) H (q - w), of what the bytes decode to.
  static double Loss(const std::vector<std::byte>& bytes, const std::vector<float>& row) {
    std::vector<float> error = Decoded(bytes);
    for (size_t c = 0; c < kCols; ++c) error[c] -= row[c];
    double loss = 0;
    for (size_t i = 0; i < kCols; ++i) {
      for (size_t j = 0; j < kCols; ++j) {
        loss += static_cast<double>(error[i]) * metric().h[i * kCols + j] * error[j];
      }
    }
    return loss;
  }
  static double WeighedLoss(const std::vector<std::byte>& bytes, const std::vector<float>& row,
                            const std::vector<float>& importance) {
    const std::vector<float> decoded = Decoded(bytes);
    double loss = 0;
    for (size_t c = 0; c < kCols; ++c) {
      const double error = static_cast<double>(decoded[c]) - static_cast<double>(row[c]);
      loss += static_cast<double>(importance[c]) * error * error;
    }
    return loss;
  }
  /// Of some rows.
  static double LossOf(const EncodeSteps& steps, bool weighted = true) {
    Encoder encoder = With(weighted ? &metric() : nullptr, steps);
    double loss = 0;
    for (uint64_t number = 0; number < 12; ++number) {
      const auto row = Row(number);
      loss += Loss(Encoded(encoder, row), row);
    }
    return loss;
  }

  // --- what holds for every encoder ---

  static void ExpectDescentNeverRaisesTheLoss() {
    for (uint64_t number = 0; number < 6; ++number) {
      const auto row = Row(number);
      double before = std::numeric_limits<double>::infinity();
      for (const int descents : {0, 1, 2, 3}) {
        Encoder encoder = With(&metric(), {.descents = descents});
        const double loss = Loss(Encoded(encoder, row), row);
        // The gradient is kept in f32 over all moves.
        EXPECT_LE(loss, before * (1 + 1e-4)) << "row " << number << ", sweep " << descents;
        before = loss;
      }
    }
  }

  static void ExpectRowsAreIndependent() {
    Encoder fresh = With(&metric()), used = With(&metric());
    Encoded(used, Row(1));
    Encoded(used, std::vector<float>(kCols, 0.0f));
    EXPECT_EQ(Encoded(used, Row(2)), Encoded(fresh, Row(2)));
  }

  static void ExpectRowsTogetherAreAsAlone() {
    constexpr size_t kRows = 5;
    for (const Metric* weights : {static_cast<const Metric*>(nullptr), &metric()}) {
      Encoder alone = With(weights), together = With(weights);
      std::vector<float> rows;
      std::vector<std::byte> expected;
      for (uint64_t number = 0; number < kRows; ++number) {
        const std::vector<float> row = Row(number);
        const std::vector<std::byte> bytes = Encoded(alone, row);
        rows.insert(rows.end(), row.begin(), row.end());
        expected.insert(expected.end(), bytes.begin(), bytes.end());
      }
      std::vector<std::byte> bytes(expected.size());
      together.EncodeRows(rows, kRows, bytes.data());
      EXPECT_EQ(bytes, expected);
    }
  }

  static void ExpectExtremeRowsDecodeToFiniteValues() {
    std::vector<float> outlier(kCols, 1e-3f), alone(kCols, 0.0f);
    outlier[kCols / 2] = alone[7] = 100.0f;
    std::vector<float> minimum(kCols, 1e-3f), huge(kCols, 1e-6f);
    minimum[9] = -1e6f;
    huge[kCols - 1] = 3e38f;
    std::vector<std::vector<float>> rows = {std::vector<float>(kCols, 0.0f), outlier, alone,
                                            minimum, huge};
    for (const float size : {1e-42f, 1e-30f, 1e-6f, 1e6f, 1e30f, 1e38f}) {
      rows.push_back(Row(3));
      for (float& value : rows.back()) value *= size;
    }
    for (const Metric* weights : {static_cast<const Metric*>(nullptr), &metric()}) {
      Encoder encoder = With(weights);
      for (const std::vector<float>& row : rows) {
        const std::vector<float> decoded = Decoded(Encoded(encoder, row));
        for (size_t c = 0; c < kCols; ++c) {
          ASSERT_TRUE(std::isfinite(decoded[c])) << "of " << row[c] << " at " << c;
        }
      }
    }
  }

  static void ExpectZerosStayZeros() {
    for (const Metric* weights : {static_cast<const Metric*>(nullptr), &metric()}) {
      Encoder encoder = With(weights);
      const std::vector<float> zeros(kCols, 0.0f);
      EXPECT_EQ(Loss(Encoded(encoder, zeros), zeros), 0.0);
    }
  }

  /// @param at_most  of what is lost without weighing
  static void ExpectColumnsThatCountMoreErrLess(double at_most) {
    std::vector<float> importance(kCols);
    for (size_t c = 0; c < kCols; ++c) importance[c] = c % 7 == 3 ? 50.0f : 0.05f;
    Encoder weighing(RowEncoderTest::GetParam(), importance);
    Encoder plain(RowEncoderTest::GetParam(), {});
    double weighed_loss = 0, plain_loss = 0;
    for (uint64_t number = 0; number < 6; ++number) {
      const auto row = Row(number);
      weighed_loss += WeighedLoss(Encoded(weighing, row), row, importance);
      plain_loss += WeighedLoss(Encoded(plain, row), row, importance);
    }
    EXPECT_LT(weighed_loss, at_most * plain_loss);
  }
};

}  // namespace altteul::compress::testing
