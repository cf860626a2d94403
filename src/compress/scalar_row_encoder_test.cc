// SPDX-License-Identifier: Apache-2.0

#include "compress/scalar_row_encoder.h"

#include <gtest/gtest.h>

#include <ostream>

#include "compress/row_encoder_fixture.h"

namespace altteul::compress {

static void PrintTo(const ScalarType& type, std::ostream* out) { *out << TraitsOf(type.type).name; }

namespace {

using ScalarRowEncoderTest = testing::RowEncoderTest<ScalarRowEncoder, ScalarType, 256, 1024>;

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

TEST_P(ScalarRowEncoderTest, DescentNeverRaisesTheLoss) { ExpectDescentNeverRaisesTheLoss(); }
TEST_P(ScalarRowEncoderTest, ARowDoesNotDependOnEarlierOnes) { ExpectRowsAreIndependent(); }

TEST_P(ScalarRowEncoderTest, RowsTogetherAreEncodedAsAlone) { ExpectRowsTogetherAreAsAlone(); }
TEST_P(ScalarRowEncoderTest, ExtremeRowsDecodeToFiniteValues) {
  ExpectExtremeRowsDecodeToFiniteValues();
}
TEST_P(ScalarRowEncoderTest, ZerosStayZeros) { ExpectZerosStayZeros(); }
TEST_P(ScalarRowEncoderTest, ColumnsThatCountMoreErrLess) {
  // Of a single level, or scales that are powers of two, there is little to choose.
  ExpectColumnsThatCountMoreErrLess(0.95);
}

INSTANTIATE_TEST_SUITE_P(Types, ScalarRowEncoderTest,
                         ::testing::ValuesIn(AllScalarTypes().begin(), AllScalarTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

}  // namespace
}  // namespace altteul::compress
