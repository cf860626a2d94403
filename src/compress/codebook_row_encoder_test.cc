// SPDX-License-Identifier: Apache-2.0

#include "compress/codebook_row_encoder.h"

#include <gtest/gtest.h>

#include <ostream>

#include "compress/row_encoder_fixture.h"

namespace altteul::compress {

static void PrintTo(const CodebookType& type, std::ostream* out) {
  *out << TraitsOf(type.type).name;
}

namespace {

using CodebookRowEncoderTest = testing::RowEncoderTest<CodebookRowEncoder, CodebookType, 512, 1536>;

TEST_P(CodebookRowEncoderTest, EachStepLowersTheLoss) {
  const double blind = LossOf({.feedback = false, .descents = 0}, false);
  const double feedback = LossOf({.feedback = true, .descents = 0});
  const double one = LossOf({.feedback = true, .descents = 1});
  const double three = LossOf({.feedback = true, .descents = 3});
  // Measured: 0.28 to 0.31 of the blind loss, then 0.95 and 0.97 of what was before.
  EXPECT_LT(feedback, 0.4 * blind);
  EXPECT_LT(one, 0.98 * feedback);
  EXPECT_LT(three, 0.99 * one);
  EXPECT_LT(LossOf({.feedback = false, .descents = 3}), 0.4 * blind) << "descent alone helps too";
}

TEST_P(CodebookRowEncoderTest, DescentNeverRaisesTheLoss) { ExpectDescentNeverRaisesTheLoss(); }
TEST_P(CodebookRowEncoderTest, ARowDoesNotDependOnEarlierOnes) { ExpectRowsAreIndependent(); }

TEST_P(CodebookRowEncoderTest, RowsTogetherAreEncodedAsAlone) { ExpectRowsTogetherAreAsAlone(); }
TEST_P(CodebookRowEncoderTest, ExtremeRowsDecodeToFiniteValues) {
  ExpectExtremeRowsDecodeToFiniteValues();
}
TEST_P(CodebookRowEncoderTest, ZerosStayZeros) { ExpectZerosStayZeros(); }
TEST_P(CodebookRowEncoderTest, ColumnsThatCountMoreErrLess) {
  ExpectColumnsThatCountMoreErrLess(0.9);
}

INSTANTIATE_TEST_SUITE_P(Types, CodebookRowEncoderTest,
                         ::testing::ValuesIn(AllCodebookTypes().begin(), AllCodebookTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

}  // namespace
}  // namespace altteul::compress
