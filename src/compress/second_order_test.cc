// SPDX-License-Identifier: Apache-2.0

#include "compress/second_order.h"

#include "compute/cpu_compute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "base/thread_team.h"
#include "compress/moments.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {
namespace {

constexpr size_t kCols = 48;
constexpr size_t kRows = 200;

/// Sums of products of such numbers are as exact in bf16 as in f32.
float ToBf16(float x) { return kernels::Bf16ToF32(kernels::F32ToBf16(x)); }

std::vector<float> Inputs(const char* purpose, float scale = 1.0f) {
  const RandomStream random(5, purpose);
  std::vector<float> x(kRows * kCols);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = ToBf16(scale * (random.Normal(i) + 0.5f * random.Normal(i / kCols)));
  }
  return x;
}

Moments Gather(const std::vector<float>& rows, const std::vector<float>& original, int threads = 2,
               size_t step = kRows) {
  ThreadTeam team(threads);
  const auto* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();
  compute::CpuCompute compute(*kernels, team);
  auto sums = MomentSums::Create(kCols, kRows, !original.empty(), compute);
  EXPECT_TRUE(sums.ok()) << sums.status().message();
  for (size_t row = 0; row < kRows; row += step) {
    const std::span<const float> part = std::span(rows).subspan(row * kCols, step * kCols);
    const std::span<const float> first =
        original.empty() ? part : std::span(original).subspan(row * kCols, step * kCols);
    sums.value().Add(step, part, first);
  }
  return std::move(sums).value().Take();
}

const kernels::KernelTable& Kernels() {
  return *kernels::SelectKernels("", DetectCpuFeatures()).value();
}

Result<Metric> MetricOf(Moments moments, double damping, int threads = 2) {
  ThreadTeam team(threads);
  compute::CpuCompute compute(Kernels(), team);
  return MakeMetric(std::move(moments), damping, compute);
}

TEST(MomentSumsTest, AreTheProductsOfTheRows) {
  const auto rows = Inputs("rows"), original = Inputs("original");
  const Moments moments = Gather(rows, original, 2, 40);
  EXPECT_EQ(moments.tokens, kRows);
  for (size_t i = 0; i < kCols; ++i) {
    for (size_t j = 0; j < kCols; ++j) {
      double own = 0, cross = 0, size = 0;
      for (size_t t = 0; t < kRows; ++t) {
        own += static_cast<double>(rows[t * kCols + i]) * rows[t * kCols + j];
        cross += static_cast<double>(original[t * kCols + i]) * rows[t * kCols + j];
        size += std::fabs(rows[t * kCols + i] * rows[t * kCols + j]) +
                std::fabs(original[t * kCols + i] * rows[t * kCols + j]);
      }
      const double limit = size * kRows * std::numeric_limits<float>::epsilon() / 2;
      ASSERT_NEAR(moments.own[i * kCols + j], own, limit) << i << ", " << j;
      ASSERT_NEAR(moments.cross[i * kCols + j], cross, limit) << i << ", " << j;
    }
  }
}

// What is symmetric is computed panel by panel; these columns are no whole number of panels.
TEST(MomentSumsTest, OfManyColumnsAreTheProductsOfTheRows) {
  constexpr size_t kManyCols = 592, kFewRows = 6;
  std::vector<float> rows(kFewRows * kManyCols);
  const RandomStream random(6, "wide rows");
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = ToBf16(random.Normal(i));
  for (const kernels::KernelTable* kernels : kernels::BuiltKernels()) {
    if (!kernels::CanRun(*kernels, DetectCpuFeatures())) continue;
    ThreadTeam team(2);
    compute::CpuCompute compute(*kernels, team);
    auto sums = MomentSums::Create(kManyCols, kFewRows, false, compute);
    ASSERT_TRUE(sums.ok());
    sums.value().Add(kFewRows, rows, {});
    const Moments moments = std::move(sums).value().Take();
    for (size_t i = 0; i < kManyCols; ++i) {
      for (size_t j = 0; j < kManyCols; ++j) {
        double own = 0, size = 0;
        for (size_t t = 0; t < kFewRows; ++t) {
          const double product = double{rows[t * kManyCols + i]} * double{rows[t * kManyCols + j]};
          own += product;
          size += std::fabs(product);
        }
        const double limit = size * kFewRows * std::numeric_limits<float>::epsilon();
        ASSERT_NEAR(moments.own[i * kManyCols + j], own, limit)
            << kernels->name << " " << i << ", " << j;
      }
    }
  }
}

TEST(MomentSumsTest, ThreadsChangeNoBit) {
  const auto rows = Inputs("rows"), original = Inputs("original");
  const Moments one = Gather(rows, original, 1), three = Gather(rows, original, 3);
  EXPECT_TRUE(std::ranges::equal(one.own.values(), three.own.values()));
  EXPECT_TRUE(std::ranges::equal(one.cross.values(), three.cross.values()));
}

TEST(MakeMetricTest, TheFactorIsThatOfTheInverse) {
  const Metric metric = MetricOf(Gather(Inputs("rows"), {}), 0.05).value();
  for (size_t i = 0; i < kCols; ++i) {
    for (size_t j = 0; j < kCols; ++j) {
      double product = 0;  // (U^T U H)[i][j]
      for (size_t k = 0; k < kCols; ++k) {
        double inverse = 0;
        for (size_t l = 0; l < kCols; ++l) {
          inverse +=
              static_cast<double>(metric.factor[l * kCols + i]) * metric.factor[l * kCols + k];
        }
        product += inverse * metric.h[k * kCols + j];
      }
      EXPECT_NEAR(product, i == j ? 1.0 : 0.0, 1e-3) << i << ", " << j;
      if (j < i) {
        EXPECT_EQ(metric.factor[i * kCols + j], 0.0f) << "upper triangular";
      }
    }
  }
}

/// Wide enough that the factor is made of products; columns go together, most with their
/// neighbours.
Moments WideMoments(size_t n) {
  Moments moments;
  moments.n = n;
  moments.tokens = 1;
  moments.own = SquareMatrix::Create(n).value();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const double apart = i < j ? static_cast<double>(j - i) : static_cast<double>(i - j);
      moments.own.data()[i * n + j] = static_cast<float>(std::exp(-apart / 20));
    }
  }
  return moments;
}

TEST(MakeMetricTest, WideFactorsAreThoseOfTheInverse) {
  for (const size_t n : {size_t{65}, size_t{128}, size_t{300}, size_t{577}}) {
    const Metric metric = MetricOf(WideMoments(n), 0.05).value();
    // U H U^T is the unit matrix.
    std::vector<double> product(n * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = i; k < n; ++k) {
        const auto u = static_cast<double>(metric.factor[i * n + k]);
        for (size_t j = 0; j < n; ++j) {
          product[i * n + j] += u * static_cast<double>(metric.h[k * n + j]);
        }
      }
    }
    double worst = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double sum = i == j ? -1 : 0;
        for (size_t k = j; k < n; ++k) {
          sum += product[i * n + k] * static_cast<double>(metric.factor[j * n + k]);
        }
        worst = std::max(worst, std::fabs(sum));
        if (j < i) {
          ASSERT_EQ(metric.factor[i * n + j], 0.0f) << "upper triangular";
        }
      }
    }
    EXPECT_LT(worst, 1e-4) << n;
  }
}

TEST(MakeMetricTest, ThreadsChangeNoBit) {
  const Metric one = MetricOf(WideMoments(500), 0.05, 1).value();
  const Metric three = MetricOf(WideMoments(500), 0.05, 3).value();
  EXPECT_TRUE(std::ranges::equal(one.factor.values(), three.factor.values()));
}

TEST(MakeMetricTest, RefusesWhatIsNotPositive) {
  Moments moments = WideMoments(300);
  moments.own.data()[3] = moments.own.data()[3 * 300] = 5.0f;
  const auto metric = MetricOf(std::move(moments), 0.05);
  ASSERT_FALSE(metric.ok());
  EXPECT_EQ(metric.status().code(), ErrorCode::kCorruptFile);
}

TEST(MakeMetricTest, ColumnsAreDampedByTheMeanAndByTheirOwn) {
  auto rows = Inputs("rows");
  for (size_t i = 0; i < rows.size(); i += kCols) {
    rows[i] *= 10;    // column 0
    rows[i + 1] = 0;  // column 1 never fires
  }
  const Moments moments = Gather(rows, {});
  std::vector<double> square(kCols);
  double mean = 0;
  for (size_t i = 0; i < kCols; ++i) {
    square[i] = static_cast<double>(moments.own[i * kCols + i]) / kRows;
    mean += square[i] / kCols;
  }
  const float between = moments.own[2 * kCols + 3] / kRows;
  const Metric metric = MetricOf(Gather(rows, {}), 0.1).value();
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) {
    const double expected = 0.1 * mean + 0.3 * square[i];
    EXPECT_NEAR(metric.damping[i], expected, 1e-5 * expected) << i;
    EXPECT_NEAR(metric.h[i * kCols + i], square[i] + expected, 1e-5 * (square[i] + expected)) << i;
  }
  EXPECT_FLOAT_EQ(metric.h[2 * kCols + 3], between);
}

TEST(MakeMetricTest, InputsThatNeverFireCountAlike) {
  const Metric metric = MetricOf(Gather(std::vector<float>(kRows * kCols), {}), 0.05).value();
  for (size_t i = 0; i < kCols; ++i) EXPECT_EQ(metric.h[i * kCols + i], 1.0f);
}

TEST(MakeMetricTest, RefusesWhatIsNotFinite) {
  auto rows = Inputs("rows");
  rows[77] = std::numeric_limits<float>::quiet_NaN();
  const auto metric = MetricOf(Gather(rows, {}), 0.05);
  ASSERT_FALSE(metric.ok());
  EXPECT_EQ(metric.status().code(), ErrorCode::kCorruptFile);
}

TEST(MoveToTargetTest, TheSameInputsMoveNothing) {
  const auto rows = Inputs("rows");
  const Metric metric = MetricOf(Gather(rows, rows), 0.05).value();
  const auto weights = Inputs("weights");
  auto moved = weights;
  MoveToTarget(metric, Kernels(), kRows, moved);
  for (size_t i = 0; i < moved.size(); ++i) EXPECT_NEAR(moved[i], weights[i], 2e-3) << i;
}

TEST(MoveToTargetTest, HalvedInputsDoubleTheWeights) {
  const auto original = Inputs("rows"), halved = Inputs("rows", 0.5f);
  const Metric metric = MetricOf(Gather(halved, original), 1e-3).value();
  const auto weights = Inputs("weights");
  auto moved = weights;
  MoveToTarget(metric, Kernels(), kRows, moved);
  double miss = 0, size = 0;
  for (size_t i = 0; i < moved.size(); ++i) {
    miss += std::pow(moved[i] - 2 * weights[i], 2);
    size += std::pow(2 * weights[i], 2);
  }
  EXPECT_LT(miss, 1e-3 * size);
}

}  // namespace
}  // namespace altteul::compress
