// SPDX-License-Identifier: Apache-2.0

#include "compress/fit_codebook.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "base/random.h"
#include "compress/fit_block.h"
#include "compress/pack_codebook.h"

namespace altteul::compress {

static void PrintTo(const CodebookType& type, std::ostream* out) {
  *out << TraitsOf(type.type).name;
}

namespace {

/// Gaussian weights of one width.
std::vector<float> RandomBlock(uint64_t number, float width = 0.03f) {
  const RandomStream random(7, "blocks");
  std::vector<float> block(kCodebookBlockCols);
  for (size_t i = 0; i < block.size(); ++i) {
    block[i] = width * random.Normal(number * block.size() + i);
  }
  return block;
}

double Error(const CodebookType& type, const CodebookFields& fields,
             const std::vector<float>& wanted, const std::vector<float>& importance) {
  double sum = 0;
  for (size_t c = 0; c < wanted.size(); ++c) {
    const double miss = wanted[c] - Value(type, fields, c);
    sum += importance[c] * miss * miss;
  }
  return sum;
}

class FitCodebookTest : public ::testing::TestWithParam<CodebookType> {
 protected:
  const CodebookType& type() const { return GetParam(); }
  CodebookFitter fitter_{GetParam()};
  const std::vector<float> ones_ = std::vector<float>(kCodebookBlockCols, 1.0f);
};

/// Squared error over squared weights of ggml's quantizers (libggml-base 0.25.3, importance matrix
/// of ones) on 400 blocks of gaussian weights; the average over so many values moves by 0.5 %.
float ErrorOfGgml(DType type) {
  switch (type) {
    case DType::kIQ1_S:
      return 0.2368f;
    case DType::kIQ1_M:
      return 0.2040f;
    case DType::kIQ2_XXS:
      return 0.1182f;
    case DType::kIQ2_XS:
      return 0.0897f;
    case DType::kIQ2_S:
      return 0.0620f;
    case DType::kIQ3_XXS:
      return 0.0331f;
    case DType::kIQ3_S:
      return 0.0188f;
    default:
      return 0;
  }
}

TEST_P(FitCodebookTest, ErrsLessThanGgmlOnGaussianWeights) {
  double error = 0, size = 0;
  for (uint64_t number = 0; number < 100; ++number) {
    const auto wanted = RandomBlock(number);
    const CodebookFields fields = fitter_.FitBlock(wanted, ones_);
    ASSERT_TRUE(Fits(type(), fields));
    error += Error(type(), fields, wanted, ones_);
    for (const float w : wanted) size += w * w;
  }
  // Measured: 0.82 (IQ1) to 0.94 (IQ3_XXS).
  EXPECT_LT(error / size, 0.96 * ErrorOfGgml(type().type));
}

TEST_P(FitCodebookTest, NoOtherWordOrScaleIsBetter) {
  std::vector<float> importance = ones_;
  for (size_t c = 0; c < importance.size(); ++c) importance[c] = c % 7 == 3 ? 20.0f : 1.0f;
  const auto wanted = RandomBlock(5);
  const CodebookFields fields = fitter_.FitBlock(wanted, importance);
  const double error = Error(type(), fields, wanted, importance);
  for (size_t w = 0; w < kBlockWords; w += 5) {
    for (size_t part = 0; part < type().word_entries(); ++part) {
      for (size_t entry = 0; entry < type().codebook.size(); ++entry) {
        CodebookFields other = fields;
        other.word[w].entry[part] = static_cast<uint16_t>(entry);
        EXPECT_GE(Error(type(), other, wanted, importance), error * (1 - 1e-6))
            << "entry " << entry << " of word " << w;
      }
    }
    for (unsigned signs = 0; signs < 256; ++signs) {
      CodebookFields other = fields;
      other.word[w].signs = static_cast<uint8_t>(signs);
      if (!Fits(type(), other)) continue;
      EXPECT_GE(Error(type(), other, wanted, importance), error * (1 - 1e-6))
          << "signs " << signs << " of word " << w;
    }
  }
  for (const double part : {0.99, 1.01}) {
    CodebookFields other = fields;
    other.d = NearestHalf(static_cast<double>(fields.d) * part);
    EXPECT_GE(Error(type(), other, wanted, importance), error * (1 - 1e-6)) << "d times " << part;
  }
}

TEST_P(FitCodebookTest, ImportantColumnsErrLess) {
  double with = 0, without = 0;
  std::vector<float> importance = ones_;
  for (size_t c = 0; c < importance.size(); c += 8) importance[c] = 100.0f;
  for (uint64_t number = 0; number < 20; ++number) {
    const auto wanted = RandomBlock(number);
    const CodebookFields a = fitter_.FitBlock(wanted, importance);
    const CodebookFields b = fitter_.FitBlock(wanted, ones_);
    for (size_t c = 0; c < wanted.size(); c += 8) {
      with += std::pow(wanted[c] - Value(type(), a, c), 2);
      without += std::pow(wanted[c] - Value(type(), b, c), 2);
    }
  }
  EXPECT_LT(with, 0.7 * without);
}

TEST_P(FitCodebookTest, TheScaleOfASubBlockIsThatOfTheBlocksSearch) {
  const auto wanted = RandomBlock(9);
  const CodebookFields fields = fitter_.FitBlock(wanted, ones_);
  for (size_t s = 0; s < type().n_subs(); ++s) {
    const size_t n = type().sub_cols;
    const int scale = fitter_.FitScale(std::span(wanted).subspan(s * n, n),
                                       std::span(ones_).subspan(s * n, n), fields.d);
    EXPECT_NEAR(scale, fields.scale[s], 1) << "sub-block " << s;
  }
}

TEST_P(FitCodebookTest, ZerosAndExtremeValuesGiveFields) {
  EXPECT_EQ(fitter_.FitBlock(std::vector<float>(kCodebookBlockCols, 0.0f), ones_).d, 0.0f);
  std::vector<float> outlier(kCodebookBlockCols, 1e-6f);
  outlier[100] = -50.0f;
  EXPECT_TRUE(Fits(type(), fitter_.FitBlock(outlier, ones_)));
  for (const float size : {1e-42f, 1e-30f, 1e-8f, 1e6f, 1e30f, 1e38f}) {
    const CodebookFields fields = fitter_.FitBlock(RandomBlock(3, size), ones_);
    EXPECT_TRUE(Fits(type(), fields)) << size;
    for (size_t c = 0; c < kCodebookBlockCols; ++c) {
      EXPECT_TRUE(std::isfinite(Value(type(), fields, c))) << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, FitCodebookTest,
                         ::testing::ValuesIn(AllCodebookTypes().begin(), AllCodebookTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

}  // namespace
}  // namespace altteul::compress
