// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/simd/isas_under_test.h"

namespace altteul::kernels {
namespace {

constexpr float kCanary = 12345.0f;
constexpr double kHalfUlp = 0x1p-24;  // relative, of f32

struct Size {
  size_t n_rows, depth, width;
};

// Tiles of every instruction set, their tails, and more depth than is packed at once.
constexpr Size kSizes[] = {{1, 1, 1},    {1, 5, 129},   {2, 3, 16},    {5, 64, 31},
                           {12, 32, 32}, {13, 300, 47}, {29, 259, 70}, {48, 128, 33}};

/// Matrices that are parts of larger ones.
struct Matrices {
  Matrices(const Size& size, bool turned)
      : a(NormalValues(size.n_rows * (size.depth + 3), "a")),
        x(NormalValues((turned ? size.width * (size.depth + 5) : size.depth * (size.width + 5)),
                       "x")),
        y(NormalValues(size.n_rows * (size.width + 2), "y")) {
    for (size_t row = 0; row < size.n_rows; ++row) {
      for (size_t c = size.width; c < size.width + 2; ++c) y[row * (size.width + 2) + c] = kCanary;
    }
    args = {.a = a.data(),
            .a_stride = size.depth + 3,
            .x = x.data(),
            .x_stride = (turned ? size.depth : size.width) + 5,
            .x_is_turned = turned,
            .n_rows = size.n_rows,
            .depth = size.depth,
            .width = size.width,
            .y = y.data(),
            .y_stride = size.width + 2};
  }
  double X(size_t k, size_t c) const {
    return double{args.x_is_turned ? x[c * args.x_stride + k] : x[k * args.x_stride + c]};
  }

  std::vector<float> a, x, y;
  AddProductArgs args;
};

TEST(AddProductTest, AddsTheProductAndTouchesNothingElse) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const Size& size : kSizes) {
      for (const bool turned : {false, true}) {
        Matrices m(size, turned);
        const std::vector<float> start = m.y;
        isa.add_product(m.args);
        for (size_t row = 0; row < size.n_rows; ++row) {
          for (size_t c = 0; c < size.width; ++c) {
            const size_t at = row * m.args.y_stride + c;
            double sum = double{start[at]}, magnitude = std::fabs(sum);
            for (size_t k = 0; k < size.depth; ++k) {
              const double term = double{m.a[row * m.args.a_stride + k]} * m.X(k, c);
              sum += term;
              magnitude += std::fabs(term);
            }
            const double steps = static_cast<double>(size.depth) + 1;
            ASSERT_NEAR(double{m.y[at]}, sum, magnitude * steps * 2 * kHalfUlp)
                << isa.name << ", " << size.n_rows << " rows, depth " << size.depth << ", column "
                << c;
          }
          ASSERT_EQ(m.y[row * m.args.y_stride + size.width], kCanary) << isa.name;
        }
      }
    }
  }
}

TEST(AddProductTest, GivesTheSameBitsHoweverItIsCut) {
  for (const IsaUnderTest& isa : IsasUnderTest()) {
    for (const Size& size : kSizes) {
      for (const bool turned : {false, true}) {
        Matrices whole(size, turned), cut(size, turned);
        isa.add_product(whole.args);
        // Row by row, the outputs in two parts, the columns of `a` in two.
        for (size_t row = 0; row < size.n_rows; ++row) {
          const size_t k_parts[] = {0, size.depth / 3, size.depth};
          const size_t c_parts[] = {0, size.width / 2, size.width};
          for (size_t i = 0; i < 2; ++i) {
            for (size_t j = 0; j < 2; ++j) {
              AddProductArgs args = cut.args;
              const size_t k = k_parts[i], c = c_parts[j];
              args.a += row * args.a_stride + k;
              args.x += turned ? c * args.x_stride + k : k * args.x_stride + c;
              args.y += row * args.y_stride + c;
              args.n_rows = 1;
              args.depth = k_parts[i + 1] - k;
              args.width = c_parts[j + 1] - c;
              isa.add_product(args);
            }
          }
        }
        EXPECT_EQ(std::memcmp(whole.y.data(), cut.y.data(), whole.y.size() * sizeof(float)), 0)
            << isa.name << ", " << size.n_rows << " rows, depth " << size.depth << ", width "
            << size.width << (turned ? ", turned" : "");
      }
    }
  }
}

}  // namespace
}  // namespace altteul::kernels
