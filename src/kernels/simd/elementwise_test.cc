// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/reference/elementwise.inl"
#include "kernels/simd/isas_under_test.h"

namespace altteul::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kCanary = 12345.0f;
constexpr double kHalfUlp = 0x1p-24;  // relative, of f32

// Widths: one value, tails of every vector and unroll, real models' rows.
constexpr size_t kWidths[] = {1, 7, 15, 16, 17, 63, 64, 100, 257, 576, 640, 1536, 2050};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Half a million values evenly over [from, to], and as many magnitudes from 2^-60 up to `to`.
std::vector<float> Sweep(float from, float to) {
  constexpr size_t kPoints = 1u << 19;
  std::vector<float> x(2 * kPoints);
  for (size_t i = 0; i < kPoints; ++i) {
    const double t = static_cast<double>(i) / (kPoints - 1);
    x[i] = static_cast<float>(from + t * (static_cast<double>(to) - from));
    const double magnitude = std::exp2(-60.0 + t * (60.0 + std::log2(static_cast<double>(to))));
    x[kPoints + i] = static_cast<float>(i % 2 == 0 || from == 0.0f ? magnitude : -magnitude);
  }
  return x;
}

std::vector<float> Apply(void (*f)(const float*, float*, size_t), std::vector<float> x) {
  const size_t n = x.size();
  x.resize((n + 15) / 16 * 16);
  std::vector<float> y(x.size());
  f(x.data(), y.data(), x.size());
  y.resize(n);
  return y;
}

TEST(ExpTest, IsWithinTwoUnitsInTheLastPlace) {
  const auto x = Sweep(-87.0f, 88.0f);
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    if (isa.exp == nullptr) continue;
    const auto y = Apply(isa.exp, x);
    double worst = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = x[i] < -87.0f ? 0.0 : std::exp(double{x[i]});
      const double error = std::fabs(y[i] - exact);
      if (exact > 0.0) worst = std::max(worst, error / exact);
      ASSERT_LE(error, 4.0 * kHalfUlp * exact) << isa.name << ", x = " << x[i];
    }
    RecordProperty(isa.name + "_worst_half_ulps", std::to_string(worst / kHalfUlp));
  }
}

TEST(ExpTest, IsExactAtItsEdges) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    if (isa.exp == nullptr) continue;
    const auto y = Apply(
        isa.exp, {0.0f, -0.0f, std::nextafter(-87.0f, -100.0f), -1e30f, -kInfinity, kNan, -87.0f});
    EXPECT_EQ(y[0], 1.0f) << isa.name;
    EXPECT_EQ(y[1], 1.0f) << isa.name;
    EXPECT_EQ(y[2], 0.0f) << isa.name;
    EXPECT_EQ(y[3], 0.0f) << isa.name;
    EXPECT_EQ(y[4], 0.0f) << isa.name;
    EXPECT_TRUE(std::isnan(y[5])) << isa.name;
    EXPECT_GT(y[6], 0.0f) << isa.name;
  }
}

TEST(TanhTest, IsWithinFourUnitsInTheLastPlace) {
  const auto x = Sweep(-20.0f, 20.0f);
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    if (isa.tanh == nullptr) continue;
    const auto y = Apply(isa.tanh, x);
    double worst = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::tanh(double{x[i]});
      const double error = std::fabs(y[i] - exact) / std::fabs(exact);
      if (exact != 0.0) worst = std::max(worst, error);
      ASSERT_LE(std::fabs(y[i] - exact), 8.0 * kHalfUlp * std::fabs(exact))
          << isa.name << ", x = " << x[i];
      ASSERT_LE(std::fabs(y[i]), 1.0f) << isa.name << ", x = " << x[i];
    }
    RecordProperty(isa.name + "_worst_half_ulps", std::to_string(worst / kHalfUlp));
    const auto edges = Apply(isa.tanh, {kInfinity, -kInfinity, 0.0f, kNan, 1e30f});
    EXPECT_EQ(edges[0], 1.0f);
    EXPECT_EQ(edges[1], -1.0f);
    EXPECT_EQ(edges[2], 0.0f);
    EXPECT_TRUE(std::isnan(edges[3]));
    EXPECT_EQ(edges[4], 1.0f);
  }
}

std::vector<float> Activated(const IsaUnderTest& isa, Activation activation,
                             const std::vector<float>& x) {
  const std::vector<float> ones(x.size(), 1.0f);
  std::vector<float> y(x.size());
  isa.glu({.gate = x.data(),
           .up = ones.data(),
           .out = y.data(),
           .n_rows = 1,
           .width = x.size(),
           .activation = activation},
          0, 1);
  return y;
}

TEST(GluTest, SiluErrsByLessThanAMillionth) {
  const auto x = Sweep(-30.0f, 30.0f);
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    const auto y = Activated(isa, Activation::kSilu, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = Activate<double>(Activation::kSilu, x[i]);
      ASSERT_LE(std::fabs(y[i] - exact), 1e-6 * std::fabs(exact)) << isa.name << ", " << x[i];
    }
  }
}

TEST(GluTest, GeluErrsByItsExponentsRounding) {
  const auto x = Sweep(-30.0f, 30.0f);
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    const auto y = Activated(isa, Activation::kGeluTanh, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const double t = 1.5957691216057308 * (x[i] + 0.044715 * std::pow(double{x[i]}, 3));
      const double exact = x[i] / (1.0 + std::exp(-t));
      // An error of the exponent is a relative error of e^t, which matters where t < 0: five
      // roundings of t. Beyond the exponent's floor (e^-87) the kernels give 0.
      const double exponent_error = t < 0.0 ? 5.0 * std::fabs(t) : 5.0 * t * std::exp(-t);
      const double limit = (10.0 + exponent_error) * kHalfUlp * std::fabs(exact) + 31.0 * 1.7e-38;
      ASSERT_LE(std::fabs(y[i] - exact), limit) << isa.name << ", x = " << x[i];
      if (x[i] > -0.5f) {
        ASSERT_LE(std::fabs(y[i] - exact), 1e-6 * std::fabs(exact)) << isa.name << ", " << x[i];
      }
    }
  }
}

TEST(GluTest, HugeGatesGiveNoNan) {
  const std::vector<float> x = {1e30f, -1e30f, 200.0f, -200.0f, 88.0f, -88.0f, 3e38f, -3e38f};
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
      const auto y = Activated(isa, activation, x);
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_NEAR(y[i], x[i] > 0.0f ? x[i] : 0.0f, 1e-6f * std::fabs(x[i] > 0.0f ? x[i] : 1.0f))
            << isa.name << ", x = " << x[i];
      }
    }
  }
}

TEST(GluTest, ThreadsAndPlaceChangeNothingAndOutMayBeGate) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const size_t width : kWidths) {
      const size_t n = 3 * width;
      const auto gate = NormalValues(n, "gate");
      const auto up = NormalValues(n, "up");
      std::vector<float> expected(n + 1, kCanary);
      isa.glu({.gate = gate.data(),
               .up = up.data(),
               .out = expected.data(),
               .n_rows = 3,
               .width = width},
              0, 1);
      std::vector<float> out = gate;
      out.push_back(kCanary);
      for (int t = 0; t < 5; ++t) {
        isa.glu(
            {.gate = out.data(), .up = up.data(), .out = out.data(), .n_rows = 3, .width = width},
            t, 5);
      }
      EXPECT_TRUE(SameBits(out, expected)) << isa.name << ", width " << width;
      EXPECT_EQ(expected[n], kCanary);
      std::vector<float> last(width);  // the last row alone, elsewhere in a vector
      isa.glu({.gate = gate.data() + 2 * width,
               .up = up.data() + 2 * width,
               .out = last.data(),
               .n_rows = 1,
               .width = width},
              0, 1);
      EXPECT_TRUE(
          SameBits(last, {expected.end() - 1 - static_cast<ptrdiff_t>(width), expected.end() - 1}))
          << isa.name << ", width " << width;
    }
  }
}

TEST(RmsNormTest, AgreesWithTheOracleRowByRow) {
  for (const size_t width : kWidths) {
    constexpr size_t kRows = 5;
    const auto x = NormalValues(kRows * width, "x");
    const auto weight = NormalValues(width, "weight");
    RmsNormArgs args{.in = x.data(),
                     .n_rows = kRows,
                     .width = width,
                     .weight = weight.data(),
                     .weight_offset = 1.0f,
                     .eps = 1e-5f};
    std::vector<float> expected(kRows * width);
    args.out = expected.data();
    RmsNormPlain<double>(args, 0, 1);
    // Half the sum's relative error (a chain of width / 32 steps in AVX2, its tail and tree), and
    // seven roundings.
    const double limit = (0.5 * (static_cast<double>(width) / 32.0 + 8.0) + 7.0) * kHalfUlp;
    for (const IsaUnderTest& isa : IsasUnderTest()) {
      std::vector<float> out(kRows * width + 1, kCanary);
      args.out = out.data();
      isa.rms_norm(args, 0, 1);
      for (size_t i = 0; i < kRows * width; ++i) {
        // 1 + w may cancel: its rounding is 2^-24 of 1 + |w|, not of the sum.
        const double scale = std::fabs(expected[i] / (weight[i % width] + 1.0)) *
                             (1.0 + std::fabs(weight[i % width]));
        ASSERT_NEAR(out[i], expected[i], limit * scale) << isa.name << ", width " << width;
      }
      EXPECT_EQ(out[kRows * width], kCanary) << isa.name << ", width " << width;

      std::vector<float> in_place = x;
      in_place.push_back(kCanary);
      RmsNormArgs again = args;
      again.in = in_place.data();
      again.out = in_place.data();
      for (int t = 0; t < 3; ++t) isa.rms_norm(again, t, 3);
      EXPECT_TRUE(SameBits(in_place, out)) << isa.name << ", width " << width;
    }
  }
}

struct RopeShape {
  size_t n_heads, head_dim, n_rotated;
};

TEST(RopeTest, RotatesPairsAndLeavesTheRestAlone) {
  constexpr size_t kRows = 3;
  for (const RopeShape& s : {RopeShape{1, 64, 64}, RopeShape{3, 128, 128}, RopeShape{2, 96, 24},
                             RopeShape{2, 20, 6}, RopeShape{1, 2, 2}, RopeShape{4, 80, 78}}) {
    const size_t n = kRows * s.n_heads * s.head_dim;
    const auto angles = NormalValues(kRows * s.n_rotated / 2, "angles");
    std::vector<float> cos(angles.size()), sin(angles.size());
    for (size_t i = 0; i < angles.size(); ++i) {
      cos[i] = std::cos(angles[i]);
      sin[i] = std::sin(angles[i]);
    }
    for (const RopePairs pairs : {RopePairs::kHalves, RopePairs::kInterleaved}) {
      const auto original = NormalValues(n, "rope");
      RopeArgs args{.n_rows = kRows,
                    .n_heads = s.n_heads,
                    .head_dim = s.head_dim,
                    .n_rotated = s.n_rotated,
                    .pairs = pairs,
                    .cos = cos.data(),
                    .sin = sin.data()};
      auto expected = original;
      args.x = expected.data();
      RopePlain<double>(args, 0, 1);
      for (const IsaUnderTest& isa : IsasUnderTest()) {
        auto x = original;
        x.push_back(kCanary);
        args.x = x.data();
        for (int t = 0; t < 2; ++t) isa.rope(args, t, 2);
        for (size_t i = 0; i < n; ++i) {
          const std::string where = isa.name + ", head_dim " + std::to_string(s.head_dim) +
                                    ", rotated " + std::to_string(s.n_rotated) + ", at " +
                                    std::to_string(i);
          if (i % s.head_dim >= s.n_rotated) {
            ASSERT_EQ(x[i], original[i]) << where;
          } else {  // two products of at most 6 (normal values here stay below), three roundings
            ASSERT_NEAR(x[i], expected[i], 12.0 * 3.0 * kHalfUlp) << where;
          }
        }
        EXPECT_EQ(x[n], kCanary) << isa.name;
      }
    }
  }
}

TEST(AddTest, AddsAndWritesNothingElse) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const size_t width : kWidths) {
      const auto y = NormalValues(2 * width, "y");
      const auto before = NormalValues(2 * width + 1, "x");
      auto x = before;
      for (int t = 0; t < 3; ++t) {
        isa.add({.x = x.data(), .y = y.data(), .n_rows = 2, .width = width}, t, 3);
      }
      for (size_t i = 0; i < 2 * width; ++i) ASSERT_EQ(x[i], before[i] + y[i]) << isa.name;
      EXPECT_EQ(x[2 * width], before[2 * width]) << isa.name;
    }
  }
}

TEST(SoftcapTest, AgreesWithTheOracle) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const size_t width : kWidths) {
      auto before = NormalValues(2 * width + 1, "cap");
      for (float& value : before) value *= 60.0f;
      auto x = before, expected = before;
      SoftcapPlain<double>({.x = expected.data(), .n_rows = 2, .width = width, .cap = 30.0f}, 0, 1);
      for (int t = 0; t < 3; ++t) {
        isa.softcap({.x = x.data(), .n_rows = 2, .width = width, .cap = 30.0f}, t, 3);
      }
      for (size_t i = 0; i < 2 * width; ++i) {
        // tanh within 8 halves of a unit; the quotient, the product and the oracle's own rounding.
        ASSERT_NEAR(x[i], expected[i], 11.0 * kHalfUlp * std::fabs(expected[i])) << isa.name;
      }
      EXPECT_EQ(x[2 * width], before[2 * width]) << isa.name;
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
