// SPDX-License-Identifier: Apache-2.0

#include "plan/sample_texts.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::plan {
namespace {

TEST(SampleTextsTest, ATokenizerOfBytesTakesThreeForAKoreanSyllable) {
  const engine::testing::TestModel model({});
  const auto english = TokensPerThousandCharacters(*model.model->tokenizer, EnglishSample());
  const auto korean = TokensPerThousandCharacters(*model.model->tokenizer, KoreanSample());
  ASSERT_TRUE(english.ok() && korean.ok());
  EXPECT_DOUBLE_EQ(english.value(), 1000.0);
  EXPECT_GT(korean.value(), 2000.0);  // blanks and full stops are single bytes
  EXPECT_LT(korean.value(), 3000.0);
}

}  // namespace
}  // namespace altteul::plan
