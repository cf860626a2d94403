// SPDX-License-Identifier: Apache-2.0

#include "engine/forward.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::engine {
namespace {

using kernels::KvType;
using testing::BytesAsTokens;
using testing::TestModel;
using testing::TestModelOptions;
using text::TokenId;

constexpr size_t kRows = 16;
constexpr size_t kContext = 64;

class ForwardTest : public ::testing::Test {
 protected:
  KvCache NewCache(size_t context = kContext, size_t max_chunk = kRows) {
    return std::move(KvCache::Create(model_.compute, model_.model->config, KvType::kF16, context,
                                     max_chunk))
        .value();
  }
  Status Run(KvCache& cache, std::span<const TokenId> ids) {
    const SequenceInput input{.cache = &cache, .tokens = ids};
    return forward_->Run({&input, 1});
  }
  std::vector<float> Logits(size_t first, size_t count) {
    std::vector<float> out(count * testing::kVocabulary);
    EXPECT_TRUE(forward_->Logits(first, count, out).ok());
    return out;
  }
  std::vector<float> LogitsOf(std::string_view text) {
    KvCache cache = NewCache();
    EXPECT_TRUE(Run(cache, BytesAsTokens(text)).ok());
    return Logits(text.size() - 1, 1);
  }
  KvCache NewStepCache() {
    return std::move(KvCache::CreateForSteps(model_.compute, model_.model->config, KvType::kF16,
                                             kContext))
        .value();
  }
  /// Of all layers' pages that hold positions.
  std::vector<std::byte> Bytes(const KvCache& cache) {
    std::vector<std::byte> bytes;
    for (size_t layer = 0; layer < model_.model->config.n_layers(); ++layer) {
      for (size_t page = 0; page * kernels::kKeyTile < cache.length(); ++page) {
        const std::byte* from = (cache.pages(layer)[page] + cache.page_offset(layer)).place();
        bytes.insert(bytes.end(), from, from + cache.layout(layer).page_bytes());
      }
    }
    return bytes;
  }

  TestModel model_{TestModelOptions{}};
  std::unique_ptr<Forward> forward_ = model_.NewForward(kRows, kContext);
};

TEST_F(ForwardTest, LogitsDependOnEveryEarlierToken) {
  EXPECT_NE(LogitsOf("abc"), LogitsOf("xbc"));
  EXPECT_NE(LogitsOf("abc"), LogitsOf("bac")) << "and on their order";
  EXPECT_EQ(LogitsOf("abc"), LogitsOf("abc"));
}

TEST_F(ForwardTest, TwoSequencesInOnePassAreAsEachAlone) {
  KvCache left = NewCache(), right = NewCache();
  const auto a = BytesAsTokens("hello"), b = BytesAsTokens("other");
  const SequenceInput both[] = {{.cache = &left, .tokens = a}, {.cache = &right, .tokens = b}};
  ASSERT_TRUE(forward_->Run(both).ok());
  EXPECT_EQ(left.length(), 5u);
  EXPECT_EQ(right.length(), 5u);
  const auto left_logits = Logits(4, 1), right_logits = Logits(9, 1);
  EXPECT_EQ(left_logits, LogitsOf("hello"));
  EXPECT_EQ(right_logits, LogitsOf("other"));
}

TEST_F(ForwardTest, StepByStepItIsTheSamePass) {
  const auto ids = BytesAsTokens("step by step");
  // Three sequences of four tokens.
  KvCache caches[] = {NewStepCache(), NewStepCache(), NewStepCache()};
  const size_t length = ids.size() / std::size(caches);
  const model::ModelConfig& config = model_.model->config;
  std::vector<float> x(ids.size() * config.hidden);
  EXPECT_TRUE(forward_->Embed(ids, x).ok());
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    for (const auto& [work, output] :
         {std::pair{BlockStep::kMix, BlockStep::kAttentionOutput},
          std::pair{BlockStep::kGate, BlockStep::kFeedForwardOutput}}) {
      std::vector<float> rows(ids.size() * WidthOf(config, layer, work));
      EXPECT_TRUE(forward_->RunStep(layer, work, caches, x, rows).ok());
      EXPECT_TRUE(forward_->RunStep(layer, output, caches, x, rows).ok());
    }
  }
  EXPECT_TRUE(forward_->Finish(x).ok());
  const auto in_steps = Logits(0, ids.size());
  std::vector<float> in_passes;
  for (size_t first = 0; first < ids.size(); first += length) {
    KvCache whole = NewCache();
    ASSERT_TRUE(Run(whole, std::span(ids).subspan(first, length)).ok());
    const auto logits = Logits(0, length);
    in_passes.insert(in_passes.end(), logits.begin(), logits.end());
  }
  EXPECT_EQ(in_steps, in_passes);
}

TEST_F(ForwardTest, InputStepsGiveWhatTheProductsRead) {
  const auto ids = BytesAsTokens("norm");
  KvCache caches[] = {NewStepCache()};
  const model::ModelConfig& config = model_.model->config;
  std::vector<float> x(ids.size() * config.hidden), norm(x.size());
  EXPECT_TRUE(forward_->Embed(ids, x).ok());
  const std::vector<float> before = x;
  EXPECT_TRUE(forward_->RunStep(0, BlockStep::kAttentionInput, caches, x, norm).ok());
  EXPECT_EQ(x, before) << "an input step changes nothing";
  for (size_t row = 0; row < ids.size(); ++row) {
    double sum = 0, expected = 0;
    const float* weight = model_.model->weights.blocks[0].attn_norm;
    for (size_t i = 0; i < config.hidden; ++i) {
      const double ratio = norm[row * config.hidden + i] / weight[i];
      sum += ratio * ratio;
      expected += 1;
    }
    EXPECT_NEAR(sum, expected, 0.02 * expected) << "a norm has unit mean square, row " << row;
  }
}

TEST_F(ForwardTest, SequencesOfDifferentAgesShareAPass) {
  KvCache old = NewCache(), young = NewCache();
  ASSERT_TRUE(Run(old, BytesAsTokens("hell")).ok());
  const auto o = BytesAsTokens("o"), b = BytesAsTokens("other");
  const SequenceInput both[] = {{.cache = &old, .tokens = o}, {.cache = &young, .tokens = b}};
  ASSERT_TRUE(forward_->Run(both).ok());
  const auto old_logits = Logits(0, 1), young_logits = Logits(5, 1);
  EXPECT_EQ(old_logits, LogitsOf("hello"));
  EXPECT_EQ(young_logits, LogitsOf("other"));
}

TEST_F(ForwardTest, ASequenceWithoutTokensMayStandBesideOthers) {
  KvCache idle = NewCache(), busy = NewCache();
  const auto tokens = BytesAsTokens("hello");
  const SequenceInput inputs[] = {{.cache = &idle, .tokens = {}},
                                  {.cache = &busy, .tokens = tokens}};
  ASSERT_TRUE(forward_->Run(inputs).ok());
  EXPECT_EQ(idle.length(), 0u);
  EXPECT_EQ(Logits(4, 1), LogitsOf("hello"));
}

TEST_F(ForwardTest, RowsOfLogitsAreTheSameTogetherAndAlone) {
  KvCache cache = NewCache();
  ASSERT_TRUE(Run(cache, BytesAsTokens("hello")).ok());
  const auto all = Logits(0, 5);
  for (size_t row = 0; row < 5; ++row) {
    const auto one = Logits(row, 1);
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(row * testing::kVocabulary);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), begin)) << "row " << row;
  }
}

/// Sequences over one pool, in passes of up to kRows.
class SharedPrefixTest : public ::testing::TestWithParam<std::pair<KvType, uint32_t>> {
 protected:
  static constexpr size_t kLong = 400;

  KvCache NewCache(PagePool& pool) {
    return std::move(KvCache::CreateIn(pool, model_.model->config, GetParam().first, kLong, kRows))
        .value();
  }
  /// Reads what the cache does not hold yet. Returns the logits of the last token.
  std::vector<float> Read(KvCache& cache, std::span<const TokenId> tokens) {
    std::vector<float> logits(testing::kVocabulary);
    while (cache.length() < tokens.size()) {
      const size_t n = std::min(kRows, tokens.size() - cache.length());
      const SequenceInput input{.cache = &cache, .tokens = tokens.subspan(cache.length(), n)};
      const Status status = forward_->Run({&input, 1});
      EXPECT_TRUE(status.ok()) << status.message();
      if (!status.ok()) break;
      EXPECT_TRUE(forward_->Logits(n - 1, 1, logits).ok());
    }
    return logits;
  }
  std::vector<float> Alone(std::span<const TokenId> tokens) {
    PagePool pool(model_.compute);
    KvCache cache = NewCache(pool);
    return Read(cache, tokens);
  }

  TestModel model_{TestModelOptions{.window = GetParam().second}};
  std::unique_ptr<Forward> forward_ = model_.NewForward(2 * kRows, kLong);
};

INSTANTIATE_TEST_SUITE_P(TypesAndWindows, SharedPrefixTest,
                         ::testing::Values(std::pair{KvType::kF16, 0}, std::pair{KvType::kQ8_0, 0},
                                           std::pair{KvType::kF16, 40},
                                           std::pair{KvType::kQ4_0, 40}));

std::vector<TokenId> Letters(size_t n, size_t step) {
  std::vector<TokenId> letters;
  for (size_t i = 0; i < n; ++i) letters.push_back(static_cast<TokenId>('a' + i * step % 26));
  return letters;
}

// Wherever the common part ends in a page, and whoever goes on first.
TEST_P(SharedPrefixTest, HasTheSameBitsAsAPrefixOfItsOwn) {
  const auto tokens = Letters(250, 7);
  PagePool pool(model_.compute);
  KvCache first = NewCache(pool);
  Read(first, std::span(tokens).first(200));
  for (const size_t common : {200, 199, 193, 192, 191}) {
    auto other = Letters(230, 7);
    for (size_t i = common; i < other.size(); ++i) other[i] = static_cast<TokenId>('A' + i % 9);
    KvCache second = NewCache(pool);
    ASSERT_TRUE(second.ShareFrom(first, common)) << common;
    KvCache third = NewCache(pool);
    ASSERT_TRUE(third.ShareFrom(second, common - 1)) << common;
    EXPECT_EQ(Read(second, other), Alone(other)) << common;
    EXPECT_EQ(Read(third, tokens), Alone(tokens)) << common;
  }
  EXPECT_EQ(Read(first, tokens), Alone(tokens)) << "the lender notices nothing";
}

TEST_P(SharedPrefixTest, GoesOnInOnePassWithTheOther) {
  const auto tokens = Letters(170, 5);
  PagePool pool(model_.compute);
  KvCache first = NewCache(pool), second = NewCache(pool);
  Read(first, std::span(tokens).first(150));
  ASSERT_TRUE(second.ShareFrom(first, 150));
  const uint64_t shared = pool.used_bytes();
  const auto a = Letters(5, 3), b = Letters(9, 11);
  const SequenceInput both[] = {{.cache = &first, .tokens = a}, {.cache = &second, .tokens = b}};
  ASSERT_TRUE(forward_->Run(both).ok());
  std::vector<float> logits(2 * testing::kVocabulary);
  EXPECT_TRUE(forward_->Logits(4, 1, std::span(logits).first(testing::kVocabulary)).ok());
  EXPECT_TRUE(forward_->Logits(13, 1, std::span(logits).subspan(testing::kVocabulary)).ok());
  EXPECT_LE(pool.used_bytes(), shared / 2 * 3) << "whole pages stay shared";

  auto alone = std::vector(tokens.begin(), tokens.begin() + 150), other = alone;
  alone.insert(alone.end(), a.begin(), a.end());
  other.insert(other.end(), b.begin(), b.end());
  auto expected = Alone(alone);
  const auto of_other = Alone(other);
  expected.insert(expected.end(), of_other.begin(), of_other.end());
  EXPECT_EQ(logits, expected);
}

TEST_F(ForwardTest, ADryPoolLeavesAllCachesOfAPassUnchanged) {
  const uint64_t page_bytes = KvCache::BytesOf(model_.model->config, KvType::kF16, 64, 1).value();
  PagePool pool(model_.compute, 2 * page_bytes);
  const auto new_cache = [&] {
    return std::move(KvCache::CreateIn(pool, model_.model->config, KvType::kF16, 128, kRows))
        .value();
  };
  KvCache first = new_cache(), second = new_cache(), third = new_cache();
  ASSERT_TRUE(Run(first, BytesAsTokens("hell")).ok());
  const auto before = Bytes(first);
  const auto o = BytesAsTokens("o"), b = BytesAsTokens("other");
  const SequenceInput all[] = {{.cache = &first, .tokens = o},
                               {.cache = &second, .tokens = b},
                               {.cache = &third, .tokens = b}};
  const Status status = forward_->Run(all);
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(status.message().find("1 x 32,768 bytes more"), std::string::npos) << status.message();
  EXPECT_EQ(first.length(), 4u);
  EXPECT_EQ(Bytes(first), before);
  EXPECT_EQ(second.length(), 0u);
  EXPECT_EQ(pool.used_bytes(), page_bytes);
  ASSERT_TRUE(forward_->Run(std::span(all).first(2)).ok()) << "two have room";
  const auto logits = Logits(0, 1);
  EXPECT_EQ(logits, LogitsOf("hello"));
}

// Each refusal: the code, and nothing of the cache has changed.
TEST_F(ForwardTest, RefusalsLeaveCachesUnchanged) {
  KvCache cache = NewCache(8);
  ASSERT_TRUE(Run(cache, BytesAsTokens("abcd")).ok());
  const auto before = Bytes(cache);
  struct Case {
    const char* what;
    std::vector<TokenId> ids;
    ErrorCode code;
    const char* said;
  };
  const Case cases[] = {
      {"a negative token", {'a', -1}, ErrorCode::kInvalidArgument, "token -1"},
      {"a token behind the last", {258}, ErrorCode::kInvalidArgument, "vocabulary of 258"},
      {"no tokens", {}, ErrorCode::kInvalidArgument, "without tokens"},
      {"a full cache", BytesAsTokens("abcde"), ErrorCode::kDoesNotFit, "holds 4"},
      {"too many rows", BytesAsTokens("abcdefghijklmnopq"), ErrorCode::kDoesNotFit, ""},
  };
  for (const Case& each : cases) {
    const Status status = Run(cache, each.ids);
    EXPECT_EQ(status.code(), each.code) << each.what;
    EXPECT_NE(status.message().find(each.said), std::string::npos) << status.message();
    EXPECT_EQ(cache.length(), 4u) << each.what;
    EXPECT_EQ(Bytes(cache), before) << each.what;
  }
}

TEST_F(ForwardTest, AnErrorInOneSequenceChangesNoneOfThem) {
  KvCache good = NewCache(), bad = NewCache();
  const auto ids = BytesAsTokens("abc");
  const std::vector<TokenId> outside = {'a', 9999};
  const SequenceInput inputs[] = {{.cache = &good, .tokens = ids},
                                  {.cache = &bad, .tokens = outside}};
  const auto before = Bytes(good);
  EXPECT_EQ(forward_->Run(inputs).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(good.length(), 0u);
  EXPECT_EQ(Bytes(good), before);
}

TEST_F(ForwardTest, MoreRowsThanAPassTakesAreRefusedWithBothNumbers) {
  KvCache cache = NewCache(64, 64);
  const Status status = Run(cache, std::vector<TokenId>(kRows + 1, 'a'));
  EXPECT_EQ(status.code(), ErrorCode::kDoesNotFit);
  EXPECT_NE(status.message().find("17 rows in a pass of at most 16"), std::string::npos)
      << status.message();
}

TEST_F(ForwardTest, ACacheMadeForSmallerPassesRefusesLargerOnes) {
  // Its rings would be too small to keep what the first rows of a larger pass must see.
  KvCache cache = NewCache(64, 4);
  EXPECT_EQ(Run(cache, BytesAsTokens("abcde")).code(), ErrorCode::kDoesNotFit);
  EXPECT_EQ(cache.length(), 0u);
  EXPECT_TRUE(Run(cache, BytesAsTokens("abcd")).ok());
}

TEST_F(ForwardTest, AbsurdSizesAreRefusedPolitely) {
  for (const size_t rows : {size_t{1} << 32, size_t{1} << 60, ~size_t{0}}) {
    const auto forward = Forward::Create(*model_.model, model_.compute, rows, kContext);
    ASSERT_FALSE(forward.ok()) << rows;
    EXPECT_EQ(forward.status().code(), ErrorCode::kOutOfMemory) << forward.status().message();
  }
}

TEST(ForwardScriptTest, AModelWithoutTokenizerRunsToo) {
  TestModelOptions options;
  options.tokenizer = false;
  options.script = BytesAsTokens("ab");
  TestModel model(options);
  const auto forward = model.NewForward(4, 16);
  auto cache = KvCache::Create(model.compute, model.model->config, KvType::kF32, 16, 4);
  ASSERT_TRUE(cache.ok());
  const std::vector<TokenId> ids = {'a'};
  const SequenceInput input{.cache = &cache.value(), .tokens = ids};
  ASSERT_TRUE(forward->Run({&input, 1}).ok());
  std::vector<float> logits(testing::kVocabulary);
  EXPECT_TRUE(forward->Logits(0, 1, logits).ok());
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), 'b');
}

}  // namespace
}  // namespace altteul::engine
