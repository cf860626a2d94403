// SPDX-License-Identifier: Apache-2.0

#include "compress/fit_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "base/random.h"
#include "compress/pack_blocks.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {

static void PrintTo(const ScalarType& type, std::ostream* out) { *out << TraitsOf(type.type).name; }

namespace {

class FitBlockTest : public ::testing::TestWithParam<ScalarType> {
 protected:
  std::vector<float> RandomBlock(uint64_t number) const {
    const RandomStream random(7, "blocks");
    std::vector<float> block(type().block_cols);
    for (size_t i = 0; i < block.size(); ++i) {
      // Sub-blocks of different width, and now and then an outlier.
      const float width = 0.01f * static_cast<float>(1 + i / type().sub_cols % 5);
      const float outlier = i % 61 == 17 ? 4.0f : 1.0f;
      block[i] = width * outlier * random.Normal(number * block.size() + i);
    }
    return block;
  }
  double Error(const BlockFields& fields, const std::vector<float>& wanted,
               const std::vector<float>& importance) const {
    double sum = 0;
    for (size_t c = 0; c < wanted.size(); ++c) {
      const double miss = wanted[c] - Value(type(), fields, c);
      sum += importance[c] * miss * miss;
    }
    return sum;
  }
  const ScalarType& type() const { return GetParam(); }
  const Levels levels_{GetParam()};
};

TEST_P(FitBlockTest, ErrsNoMoreThanThePlainEncoder) {
  const kernels::Codec& codec = *kernels::FindCodec(type().type);
  if (codec.encode == nullptr) GTEST_SKIP() << "there is none";
  const std::vector<float> ones(type().block_cols, 1.0f);
  double searched = 0, plain = 0;
  for (uint64_t number = 0; number < 100; ++number) {
    const auto wanted = RandomBlock(number);
    searched += Error(FitBlock(type(), levels_, wanted, ones), wanted, ones);
    std::vector<std::byte> bytes(TraitsOf(type().type).block_bytes);
    std::vector<float> decoded(wanted.size());
    codec.encode(wanted.data(), wanted.size(), bytes.data());
    codec.decode(bytes.data(), wanted.size(), decoded.data());
    for (size_t c = 0; c < wanted.size(); ++c) {
      plain += (wanted[c] - decoded[c]) * (wanted[c] - decoded[c]);
    }
  }
  EXPECT_LT(searched, plain);
}

TEST_P(FitBlockTest, FieldsCanBePackedAndNeighboursAreNotBetter) {
  std::vector<float> importance(type().block_cols);
  for (size_t c = 0; c < importance.size(); ++c) importance[c] = c % 7 == 3 ? 20.0f : 1.0f;
  for (uint64_t number = 0; number < 20; ++number) {
    const auto wanted = RandomBlock(number);
    const BlockFields fields = FitBlock(type(), levels_, wanted, importance);
    ASSERT_TRUE(Fits(type(), fields));
    const double error = Error(fields, wanted, importance);
    for (size_t c = 0; c < wanted.size(); ++c) {
      for (const uint8_t code : type().ascending) {
        BlockFields other = fields;
        other.code[c] = code;
        EXPECT_GE(Error(other, wanted, importance), error * (1 - 1e-6))
            << "code " << int{code} << " at column " << c;
      }
    }
  }
}

TEST_P(FitBlockTest, ImportantColumnsErrLess) {
  double with = 0, without = 0;
  std::vector<float> ones(type().block_cols, 1.0f), importance = ones;
  for (size_t c = 0; c < importance.size(); c += 8) importance[c] = 100.0f;
  for (uint64_t number = 0; number < 50; ++number) {
    const auto wanted = RandomBlock(number);
    const BlockFields a = FitBlock(type(), levels_, wanted, importance);
    const BlockFields b = FitBlock(type(), levels_, wanted, ones);
    for (size_t c = 0; c < wanted.size(); c += 8) {
      with += std::pow(wanted[c] - Value(type(), a, c), 2);
      without += std::pow(wanted[c] - Value(type(), b, c), 2);
    }
  }
  EXPECT_LT(with, without);
}

TEST_P(FitBlockTest, ZerosAndHugeValuesGiveFields) {
  const std::vector<float> ones(type().block_cols, 1.0f);
  const std::vector<float> zeros(type().block_cols, 0.0f);
  EXPECT_TRUE(Fits(type(), FitBlock(type(), levels_, zeros, ones)));
  for (const float size : {1e-30f, 1e-8f, 1e6f, 1e30f}) {
    std::vector<float> block = RandomBlock(3);
    for (float& value : block) value *= size;
    EXPECT_TRUE(Fits(type(), FitBlock(type(), levels_, block, ones))) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, FitBlockTest,
                         ::testing::ValuesIn(AllScalarTypes().begin(), AllScalarTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

TEST(LevelsTest, NearestIsTheNearest) {
  for (const ScalarType& type : AllScalarTypes()) {
    const Levels levels(type);
    for (float x = -140.0f; x < 140.0f; x += 0.37f) {
      const float found = std::fabs(levels.value(levels.Nearest(x)) - x);
      for (size_t i = 0; i < levels.size(); ++i) {
        EXPECT_LE(found, std::fabs(levels.value(i) - x)) << TraitsOf(type.type).name << ", " << x;
      }
    }
  }
}

}  // namespace
}  // namespace altteul::compress
