// SPDX-License-Identifier: Apache-2.0

#include "compress/own_text.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::TestModel;
using engine::testing::TestModelOptions;

constexpr OwnTextOptions kOptions = {.n_chunks = 11, .context = 16, .seed = 5};

class OwnTextTest : public ::testing::Test {
 protected:
  Result<std::vector<text::TokenId>> Write(const model::Model& model,
                                           const OwnTextOptions& options = kOptions,
                                           int threads = 2, const ProgressSink& progress = {}) {
    ThreadTeam team(threads);
    compute::CpuCompute compute(*model_.kernels, team);
    return WriteOwnText(model, options, compute, progress);
  }

  TestModel model_{TestModelOptions{}};
};

TEST_F(OwnTextTest, ChunksOfTheLengthAskedFor) {
  const auto text = Write(*model_.model);
  ASSERT_TRUE(text.ok()) << text.status().message();
  ASSERT_EQ(text.value().size(), kOptions.n_chunks * kOptions.context);
  for (const text::TokenId id : text.value()) {
    EXPECT_GE(id, 0);
    EXPECT_LT(static_cast<size_t>(id), model_.model->config.vocabulary);
  }
  for (size_t chunk = 0; chunk < kOptions.n_chunks; chunk += 2) {
    EXPECT_EQ(text.value()[chunk * kOptions.context], engine::testing::kBos);
  }
}

TEST_F(OwnTextTest, NoChunkIsWithoutBosWhereTheModelBeginsWithIt) {
  TestModelOptions options;
  options.add_bos = true;
  const TestModel begins(options);
  const auto text = Write(*begins.model), free = Write(*model_.model);
  ASSERT_TRUE(text.ok() && free.ok());
  ASSERT_EQ(text.value().size(), kOptions.n_chunks * kOptions.context);
  for (size_t chunk = 0; chunk < kOptions.n_chunks; ++chunk) {
    const size_t at = chunk * kOptions.context;
    EXPECT_EQ(text.value()[at], engine::testing::kBos) << chunk;
    if (chunk % 2 == 1) {
      EXPECT_EQ(text.value()[at + 1], free.value()[at]) << chunk;
    }
  }
}

TEST_F(OwnTextTest, TheSeedDecidesAndThreadsDoNot) {
  const auto one = Write(*model_.model, kOptions, 1), three = Write(*model_.model, kOptions, 3);
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(one.value(), three.value());
  OwnTextOptions other = kOptions;
  other.seed = 6;
  const auto changed = Write(*model_.model, other);
  ASSERT_TRUE(changed.ok());
  EXPECT_NE(one.value(), changed.value());
}

TEST_F(OwnTextTest, ItIsWhatTheModelWouldSay) {
  TestModelOptions options;
  options.script = engine::testing::BytesAsTokens("abcdefgh");
  options.script_repeats = true;
  const TestModel scripted(options);
  const auto text = Write(*scripted.model, {.n_chunks = 40, .context = 4, .seed = 1});
  ASSERT_TRUE(text.ok()) << text.status().message();
  size_t followed = 0, pairs = 0;
  for (size_t i = 0; i + 1 < text.value().size(); ++i) {
    const text::TokenId now = text.value()[i];
    if (i % 4 == 3 || now < 'a' || now > 'g') continue;
    ++pairs;
    followed += text.value()[i + 1] == now + 1 ? 1 : 0;
  }
  ASSERT_GT(pairs, 10u);
  EXPECT_GT(followed * 10, pairs * 9);
}

TEST_F(OwnTextTest, AModelWithoutTokenizerIsRefused) {
  TestModelOptions options;
  options.tokenizer = false;
  const TestModel mute(options);
  const auto text = Write(*mute.model);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), ErrorCode::kInvalidArgument);
}

TEST_F(OwnTextTest, CanBeStopped) {
  const auto text =
      Write(*model_.model, kOptions, 2, [](uint64_t done, uint64_t) { return done < 20; });
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::compress
