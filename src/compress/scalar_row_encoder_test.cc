#include "compress/scalar_row_encoder.h"

#include <gtest/gtest.h>

#include <ostream>

#include "base/random.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {

static void PrintTo(const ScalarType& type, std::ostream* out) { *out << TraitsOf(type.type).name; }

namespace {

constexpr size_t kCols = 256;
constexpr size_t kTokens = 1024;

/// Inputs with correlated columns, some much larger than others.
Moments CorrelatedMoments() {
  const RandomStream random(3, "inputs");
  Moments moments;
  moments.n = kCols;
  moments.tokens = kTokens;
  moments.own = std::move(SquareMatrix::Create(kCols)).value();
  std::vector<float> x(kCols);
  for (size_t t = 0; t < kTokens; ++t) {
    float shared = 0;
    for (size_t c = 0; c < kCols; ++c) {
      shared = 0.7f * shared + random.Normal(t * kCols + c);
      x[c] = c % 31 == 5 ? 6.0f * shared : shared;
    }
    for (size_t i = 0; i < kCols; ++i) {
      for (size_t j = 0; j < kCols; ++j) moments.own.data()[i * kCols + j] += x[i] * x[j];
    }
  }
  return moments;
}

class ScalarRowEncoderTest : public ::testing::TestWithParam<ScalarType> {
 protected:
  static const Metric& metric() {
    static const Metric kMetric = MakeMetric(CorrelatedMoments(), 0.02).value();
    return kMetric;
  }
  static const kernels::KernelTable& kernels() {
    return *kernels::SelectKernels("", DetectCpuFeatures()).value();
  }
  static std::vector<float> Row(uint64_t number) {
    const RandomStream random(11, "rows");
    std::vector<float> row(kCols);
    for (size_t c = 0; c < kCols; ++c) row[c] = 0.05f * random.Normal(number * kCols + c);
    return row;
  }
  std::vector<std::byte> Encoded(ScalarRowEncoder& encoder, const std::vector<float>& row) const {
    std::vector<std::byte> bytes(*RowBytes(GetParam().type, kCols));
    encoder.Encode(row, bytes.data());
    return bytes;
  }
  /// (q - w) H (q - w), of what the bytes decode to.
  double Loss(const std::vector<std::byte>& bytes, const std::vector<float>& row) const {
    std::vector<float> error(kCols);
    kernels::FindCodec(GetParam().type)->decode(bytes.data(), kCols, error.data());
    for (size_t c = 0; c < kCols; ++c) error[c] -= row[c];
    double loss = 0;
    for (size_t i = 0; i < kCols; ++i) {
      for (size_t j = 0; j < kCols; ++j) {
        loss += static_cast<double>(error[i]) * metric().h[i * kCols + j] * error[j];
      }
    }
    return loss;
  }
  double WeighedLoss(const std::vector<std::byte>& bytes, const std::vector<float>& row,
                     const std::vector<float>& importance) const {
    std::vector<float> decoded(kCols);
    kernels::FindCodec(GetParam().type)->decode(bytes.data(), kCols, decoded.data());
    double loss = 0;
    for (size_t c = 0; c < kCols; ++c) {
      const double error = static_cast<double>(decoded[c]) - static_cast<double>(row[c]);
      loss += static_cast<double>(importance[c]) * error * error;
    }
    return loss;
  }
  double LossOf(const EncodeSteps& steps, bool weighted = true) const {
    ScalarRowEncoder encoder(GetParam(), weighted ? &metric() : nullptr, steps, kernels());
    double loss = 0;
    for (uint64_t number = 0; number < 12; ++number) {
      const auto row = Row(number);
      loss += Loss(Encoded(encoder, row), row);
    }
    return loss;
  }
};

TEST_P(ScalarRowEncoderTest, EachStepLowersTheLoss) {
  const double blind = LossOf({.feedback = false, .descents = 0}, false);
  const double feedback = LossOf({.feedback = true, .descents = 0});
  const double one = LossOf({.feedback = true, .descents = 1});
  const double three = LossOf({.feedback = true, .descents = 3});
  EXPECT_LT(feedback, 0.9 * blind);
  EXPECT_LE(one, feedback);
  EXPECT_LE(three, one);
  // With hundreds of levels nothing is left to move.
  if (GetParam().levels.size() < 64) {
    EXPECT_LT(three, 0.97 * feedback);
  }
  EXPECT_LT(LossOf({.feedback = false, .descents = 3}), 0.9 * blind) << "descent alone helps too";
}

TEST_P(ScalarRowEncoderTest, ARowDoesNotDependOnEarlierOnes) {
  ScalarRowEncoder fresh(GetParam(), &metric(), {}, kernels());
  ScalarRowEncoder used(GetParam(), &metric(), {}, kernels());
  Encoded(used, Row(1));
  Encoded(used, std::vector<float>(kCols, 0.0f));
  EXPECT_EQ(Encoded(used, Row(2)), Encoded(fresh, Row(2)));
}

TEST_P(ScalarRowEncoderTest, ColumnsThatCountMoreErrLess) {
  std::vector<float> importance(kCols);
  for (size_t c = 0; c < kCols; ++c) importance[c] = c % 7 == 3 ? 50.0f : 0.05f;
  ScalarRowEncoder weighing(GetParam(), importance), plain(GetParam(), {});
  double weighed_loss = 0, plain_loss = 0;
  for (uint64_t number = 0; number < 6; ++number) {
    const auto row = Row(number);
    weighed_loss += WeighedLoss(Encoded(weighing, row), row, importance);
    plain_loss += WeighedLoss(Encoded(plain, row), row, importance);
  }
  // Of a single level, or scales that are powers of two, there is little to choose.
  EXPECT_LT(weighed_loss, 0.95 * plain_loss);
}

INSTANTIATE_TEST_SUITE_P(Types, ScalarRowEncoderTest,
                         ::testing::ValuesIn(AllScalarTypes().begin(), AllScalarTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

}  // namespace
}  // namespace altteul::compress
