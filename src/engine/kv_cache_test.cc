// SPDX-License-Identifier: Apache-2.0

#include "engine/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "compute/test_compute.h"
namespace altteul::engine {

using compute::testing::AnyCompute;
namespace {

using kernels::KvType;

// Layers of these windows; 0 sees everything.
model::ModelConfig Config(const std::vector<size_t>& windows, size_t head_dim = 32) {
  model::ModelConfig config;
  for (const size_t window : windows) {
    model::LayerPlan layer;
    layer.mixer = model::AttentionPlan{.n_heads = 4,
                                       .n_kv_heads = 2,
                                       .key_dim = head_dim,
                                       .value_dim = head_dim,
                                       .window = window};
    config.layers.push_back(layer);
  }
  return config;
}

KvCache Make(const std::vector<size_t>& windows, size_t context, size_t max_chunk) {
  return std::move(KvCache::Create(AnyCompute(), Config(windows), KvType::kF16, context, max_chunk))
      .value();
}

KvCache Make(PagePool& pool, const std::vector<size_t>& windows, size_t context, size_t max_chunk) {
  return std::move(KvCache::CreateIn(pool, Config(windows), KvType::kF16, context, max_chunk))
      .value();
}

// What a pass does to a cache.
void Grow(KvCache& cache, size_t n) {
  const Status status = cache.Reserve(n);
  ASSERT_TRUE(status.ok()) << status.message();
  cache.Advance(n);
}

// In passes of max_chunk.
void GrowTo(KvCache& cache, size_t length) {
  while (cache.length() < length) {
    Grow(cache, std::min(cache.max_chunk(), length - cache.length()));
  }
}

constexpr size_t kLayerPage = 2 * 2 * 64 * 32 * 2;  // K and V, 2 heads, 32 numbers of 2 bytes

void Fill(KvCache& cache, size_t layer, size_t page, int value) {
  std::memset((cache.pages(layer)[page] + cache.page_offset(layer)).place(), value,
              cache.layout(layer).page_bytes());
}

int FirstByte(const KvCache& cache, size_t layer, size_t page) {
  return std::to_integer<int>(cache.pages(layer)[page].place()[cache.page_offset(layer)]);
}

// --- growing -----------------------------------------------------------------------------------

TEST(KvCacheTest, TakesMemoryAsTheTextGrows) {
  KvCache cache = Make({0, 0}, 1000, 100);
  EXPECT_EQ(cache.context(), 1000u);
  EXPECT_EQ(cache.length(), 0u);
  EXPECT_EQ(cache.size_bytes(), 0u);
  EXPECT_EQ(cache.pool().taken_bytes(), 0u);
  Grow(cache, 64);
  EXPECT_EQ(cache.size_bytes(), 2 * kLayerPage);
  Grow(cache, 1);
  EXPECT_EQ(cache.size_bytes(), 4 * kLayerPage);
  EXPECT_EQ(cache.room(), 128u);
  GrowTo(cache, 1000);
  EXPECT_EQ(cache.size_bytes(), 16 * 2 * kLayerPage);
  EXPECT_EQ(cache.pool().taken_bytes(), cache.size_bytes());
}

TEST(KvCacheTest, BytesOfIsTheMostThatIsEverTaken) {
  for (const std::vector<size_t>& windows :
       {std::vector<size_t>{0}, {0, 100}, {16}, {1}, {63, 64, 65}, {300, 0, 16}, {5000}}) {
    for (const size_t chunk : {1, 32, 60, 64}) {
      const uint64_t most = KvCache::BytesOf(Config(windows), KvType::kF16, 700, chunk).value();
      KvCache cache = Make(windows, 700, chunk);
      for (size_t n = 0; cache.length() < 700; n = n % chunk + 1) {
        Grow(cache, std::min(std::max<size_t>(n, 1), 700 - cache.length()));
      }
      EXPECT_LE(cache.pool().taken_bytes(), most) << windows[0] << ", " << chunk;
      // Where groups of layers are at their largest at different times, less is taken.
      const size_t slack = windows.size() * kLayerPage;
      EXPECT_GE(cache.pool().taken_bytes() + slack, most) << windows[0] << ", " << chunk;
    }
  }
}

TEST(KvCacheTest, WhatIsReservedButNotWrittenIsGivenBack) {
  KvCache cache = Make({0}, 1000, 500);
  Grow(cache, 10);
  ASSERT_TRUE(cache.Reserve(300).ok());
  EXPECT_EQ(cache.room(), 320u);
  EXPECT_EQ(cache.length(), 10u);
  EXPECT_TRUE(cache.TruncateTo(10));
  EXPECT_EQ(cache.size_bytes(), kLayerPage);
}

TEST(KvCacheTest, LayersOfAPageLieApart) {
  KvCache cache = Make({0, 100, 0}, 1000, 64);
  Grow(cache, 64);
  EXPECT_EQ(cache.pages(0), cache.pages(2));
  EXPECT_NE(cache.pages(0), cache.pages(1));
  EXPECT_EQ(cache.page_offset(0), 0u);
  EXPECT_EQ(cache.page_offset(1), 0u);
  EXPECT_EQ(cache.page_offset(2), kLayerPage);
}

TEST(KvCacheTest, LayersInTurnShareOnePageOfTheLargest) {
  model::ModelConfig config = Config({0, 16, 0});
  config.layers[1].attention()->n_kv_heads = 3;
  const auto cache = KvCache::CreateForSteps(AnyCompute(), config, KvType::kF16, 100);
  ASSERT_TRUE(cache.ok());
  EXPECT_EQ(cache.value().size_bytes(), 2 * kLayerPage / 2 * 3);
  EXPECT_EQ(cache.value().room(), 100u);
  for (size_t layer = 0; layer < 3; ++layer) {
    EXPECT_EQ(cache.value().pages(layer), cache.value().pages(0));
    EXPECT_EQ(cache.value().page_offset(layer), 0u);
  }
}

TEST(KvCacheTest, LayersWithoutAttentionHaveNoPages) {
  model::ModelConfig config = Config({0, 0});
  config.layers[0].mixer = {};
  KvCache cache = std::move(KvCache::Create(AnyCompute(), config, KvType::kF16, 100, 16)).value();
  Grow(cache, 16);
  EXPECT_EQ(cache.pages(0), nullptr);
  EXPECT_EQ(cache.size_bytes(), kLayerPage);
}

TEST(KvCacheTest, AMovedCacheTakesItsPagesAlong) {
  PagePool pool(AnyCompute());
  {
    KvCache cache = Make(pool, {0}, 256, 64);
    Grow(cache, 64);
    KvCache other = std::move(cache);
    EXPECT_EQ(other.length(), 64u);
    EXPECT_EQ(pool.used_bytes(), kLayerPage);
  }
  EXPECT_EQ(pool.used_bytes(), 0u) << "a cache gives its pages back when it ends";
}

// --- cutting -----------------------------------------------------------------------------------

TEST(KvCacheTest, ForgetsAnyPositionWhileNothingWasGivenBack) {
  KvCache cache = Make({0}, 256, 16);
  GrowTo(cache, 200);
  EXPECT_FALSE(cache.TruncateTo(201)) << "there is nothing to come back to";
  EXPECT_EQ(cache.length(), 200u);
  EXPECT_TRUE(cache.TruncateTo(200));
  EXPECT_TRUE(cache.TruncateTo(65));
  EXPECT_EQ(cache.size_bytes(), 2 * kLayerPage);
  EXPECT_TRUE(cache.TruncateTo(64));
  EXPECT_EQ(cache.size_bytes(), kLayerPage);
  EXPECT_TRUE(cache.TruncateTo(1));
  EXPECT_EQ(cache.length(), 1u);
  EXPECT_TRUE(cache.TruncateTo(0));
  EXPECT_EQ(cache.size_bytes(), 0u);
}

TEST(KvCacheTest, AFullLayerMayGoBackAnywhereEvenWhenFull) {
  KvCache cache = Make({0}, 256, 16);
  GrowTo(cache, 256);
  EXPECT_TRUE(cache.TruncateTo(3));
}

// --- windows -----------------------------------------------------------------------------------

TEST(KvCacheTest, AWindowGivesBackWhatNobodySees) {
  KvCache cache = Make({0, 100}, 4096, 60);
  GrowTo(cache, 4096);
  EXPECT_FALSE(cache.pages(0)[0].is_null());
  // A step back of 60 sees from 4096 - 60 - 99 on: page 61.
  EXPECT_TRUE(cache.pages(1)[60].is_null());
  EXPECT_FALSE(cache.pages(1)[61].is_null());
  EXPECT_EQ(cache.size_bytes(), (64 + 3) * kLayerPage);
  EXPECT_LE(cache.pool().taken_bytes(), (64 + 4) * kLayerPage) << "a ring of recycled pages";
}

TEST(KvCacheTest, AWindowThatReachesTheContextKeepsAll) {
  KvCache cache = Make({300}, 256, 16);
  GrowTo(cache, 256);
  EXPECT_FALSE(cache.pages(0)[0].is_null());
  EXPECT_TRUE(cache.TruncateTo(1));
}

// Every pass finds what its rows see, and a step back of max_chunk what it would see.
TEST(KvCacheTest, AWindowKeepsWhatAPassOrAStepBackSees) {
  for (const size_t window : {1, 16, 63, 64, 65, 130}) {
    KvCache cache = Make({window}, 700, 32);
    for (size_t n = 1; cache.length() + n <= 700; n = n % 32 + 1) {
      const size_t length = cache.length();
      ASSERT_TRUE(cache.Reserve(n).ok());
      for (size_t seen = length < window ? 0 : length + 1 - window; seen < length + n; ++seen) {
        ASSERT_FALSE(cache.pages(0)[seen / 64].is_null())
            << window << ", " << length << ", " << seen;
      }
      cache.Advance(n);
      const size_t back = cache.length() - std::min<size_t>(cache.length(), 32);
      for (size_t seen = back < window ? 0 : back + 1 - window; seen < cache.length(); ++seen) {
        ASSERT_FALSE(cache.pages(0)[seen / 64].is_null()) << window << ", " << back << ", " << seen;
      }
    }
  }
}

TEST(KvCacheTest, AWindowGoesBackAsFarAsItsPagesAreStillThere) {
  for (size_t high = 1; high <= 256; ++high) {
    for (size_t length = 1; length <= high; ++length) {
      KvCache cache = Make({16}, 512, 32);
      GrowTo(cache, high);
      const size_t first = length < 16 ? 0 : length - 15;
      const bool is_there = !cache.pages(0)[first / 64].is_null();
      EXPECT_EQ(cache.TruncateTo(length), is_there) << "back to " << length << " from " << high;
      EXPECT_EQ(cache.length(), is_there ? length : high);
      EXPECT_TRUE(is_there || length + 32 < high);
    }
  }
}

// What guessing ahead relies on: rows of one pass, all or some, can be forgotten at once, also
// behind an earlier step back.
TEST(KvCacheTest, APassCanAlwaysBeTakenBack) {
  for (const size_t back : {size_t{0}, size_t{7}, size_t{32}}) {
    KvCache cache = Make({16, 0}, 512, 32);
    GrowTo(cache, 200);
    ASSERT_TRUE(cache.TruncateTo(200 - back));
    for (size_t length = cache.length(); length + 32 <= 512; ++length) {
      for (size_t kept = 0; kept < 32; ++kept) {
        ASSERT_EQ(cache.length(), length);
        Grow(cache, 32);
        ASSERT_TRUE(cache.TruncateTo(length + kept)) << length << " and " << kept;
        ASSERT_TRUE(cache.TruncateTo(length)) << length << " and " << kept;
      }
      Grow(cache, 1);
    }
  }
}

TEST(KvCacheTest, AWindowRemembersHowFarItOnceWas) {
  KvCache cache = Make({16}, 512, 32);
  GrowTo(cache, 260);
  ASSERT_TRUE(cache.TruncateTo(228));
  // From 228 it looks as if 196 were certain, but the pages behind 192 went when 260 came.
  EXPECT_FALSE(cache.TruncateTo(196));
  EXPECT_EQ(cache.length(), 228u);
}

TEST(KvCacheTest, GoingBackToTheBeginningIsAlwaysPossibleAndForgetsAll) {
  KvCache cache = Make({16}, 512, 32);
  GrowTo(cache, 300);
  EXPECT_TRUE(cache.TruncateTo(0));
  GrowTo(cache, 40);
  EXPECT_TRUE(cache.TruncateTo(1)) << "the second life has given nothing back";
}

TEST(KvCacheTest, TheSmallestWindowDecides) {
  KvCache cache = Make({0, 128, 16}, 1024, 32);
  GrowTo(cache, 500);
  EXPECT_FALSE(cache.TruncateTo(450));
  EXPECT_TRUE(cache.TruncateTo(468));
}

// --- sharing -----------------------------------------------------------------------------------

TEST(KvCacheTest, APrefixIsSharedWithoutMemory) {
  PagePool pool(AnyCompute());
  KvCache first = Make(pool, {0, 0}, 256, 64), second = Make(pool, {0, 0}, 256, 64);
  GrowTo(first, 200);
  const uint64_t before = pool.used_bytes();
  ASSERT_TRUE(second.ShareFrom(first, 150));
  EXPECT_EQ(second.length(), 150u);
  EXPECT_EQ(pool.used_bytes(), before);
  for (size_t page = 0; page < 3; ++page) EXPECT_EQ(second.pages(0)[page], first.pages(0)[page]);
  EXPECT_TRUE(first.TruncateTo(0));
  EXPECT_EQ(second.size_bytes(), 3 * 2 * kLayerPage);
  EXPECT_EQ(pool.used_bytes(), second.size_bytes()) << "what only one refers to any more";
}

TEST(KvCacheTest, WhoeverWritesIntoASharedPageTakesACopy) {
  for (const bool owner_writes : {false, true}) {
    PagePool pool(AnyCompute());
    KvCache first = Make(pool, {0, 0}, 256, 64), second = Make(pool, {0, 0}, 256, 64);
    GrowTo(first, 100);
    Fill(first, 1, 0, 1);
    Fill(first, 1, 1, 2);
    ASSERT_TRUE(second.ShareFrom(first, 100));
    KvCache& writer = owner_writes ? first : second;
    KvCache& reader = owner_writes ? second : first;
    Grow(writer, 1);
    EXPECT_EQ(writer.pages(0)[0], reader.pages(0)[0]) << "a whole page stays shared";
    ASSERT_NE(writer.pages(0)[1], reader.pages(0)[1]);
    EXPECT_EQ(FirstByte(writer, 1, 1), 2) << "with what it held";
    Fill(writer, 1, 1, 3);
    EXPECT_EQ(FirstByte(reader, 1, 1), 2);
    // Now each has its own, and nobody copies any more.
    const compute::Bytes own = reader.pages(0)[1];
    Grow(reader, 1);
    EXPECT_EQ(reader.pages(0)[1], own);
    EXPECT_EQ(pool.used_bytes(), 3 * 2 * kLayerPage);
  }
}

TEST(KvCacheTest, BothMayWriteInOnePass) {
  PagePool pool(AnyCompute());
  KvCache first = Make(pool, {0, 16}, 512, 64), second = Make(pool, {0, 16}, 512, 64);
  GrowTo(first, 300);
  ASSERT_TRUE(second.ShareFrom(first, 300));
  const KvCache::Growth both[] = {{&first, 40}, {&second, 64}};
  ASSERT_TRUE(KvCache::ReserveAll(both).ok());
  EXPECT_NE(first.pages(0)[4], second.pages(0)[4]);
  EXPECT_NE(first.pages(1)[4], second.pages(1)[4]);
  EXPECT_EQ(first.pages(0)[3], second.pages(0)[3]);
  first.TruncateTo(0);
  second.TruncateTo(0);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(KvCacheTest, ACutIntoASharedPageIsPrivateToo) {
  PagePool pool(AnyCompute());
  KvCache first = Make(pool, {0}, 256, 128), second = Make(pool, {0}, 256, 128);
  GrowTo(first, 128);
  ASSERT_TRUE(second.ShareFrom(first, 128));
  ASSERT_TRUE(second.TruncateTo(70));
  Grow(second, 1);
  EXPECT_NE(second.pages(0)[1], first.pages(0)[1]);
  Grow(first, 1);
  EXPECT_EQ(first.length(), 129u);
}

TEST(KvCacheTest, WhatAWindowGaveBackCannotBeShared) {
  PagePool pool(AnyCompute());
  KvCache first = Make(pool, {0, 16}, 512, 32), second = Make(pool, {0, 16}, 512, 32);
  GrowTo(first, 300);
  GrowTo(second, 10);
  EXPECT_FALSE(second.ShareFrom(first, 200));
  EXPECT_FALSE(second.ShareFrom(first, 301)) << "more than there is";
  EXPECT_EQ(second.length(), 10u);
  ASSERT_TRUE(second.ShareFrom(first, 270));
  EXPECT_EQ(second.length(), 270u);
  GrowTo(second, 500);
  GrowTo(first, 500);
  EXPECT_TRUE(second.ShareFrom(second, 490)) << "of itself: a cut";
  EXPECT_EQ(second.length(), 490u);
  EXPECT_TRUE(second.ShareFrom(first, 0));
  EXPECT_EQ(second.size_bytes(), 0u);
}

TEST(KvCacheTest, APrefixLongerThanTheContextIsNotShared) {
  PagePool pool(AnyCompute());
  KvCache first = Make(pool, {0}, 256, 64), second = Make(pool, {0}, 100, 64);
  GrowTo(first, 200);
  EXPECT_FALSE(second.ShareFrom(first, 101));
  EXPECT_TRUE(second.ShareFrom(first, 100));
}

// --- running dry -------------------------------------------------------------------------------

TEST(KvCacheTest, ADryPoolLeavesAllCachesOfAPassUnchanged) {
  PagePool pool(AnyCompute(), 9 * kLayerPage);
  KvCache first = Make(pool, {0, 16}, 512, 32), second = Make(pool, {0, 16}, 512, 32);
  GrowTo(first, 192);
  GrowTo(second, 64);
  const uint64_t used = pool.used_bytes();
  const auto pages_of = [](const KvCache& cache) {
    std::vector<compute::Bytes> pages;
    for (size_t layer = 0; layer < 2; ++layer) {
      const size_t n = (cache.length() + 63) / 64;
      pages.insert(pages.end(), cache.pages(layer), cache.pages(layer) + n);
    }
    return pages;
  };
  const auto before = std::pair(pages_of(first), pages_of(second));
  const KvCache::Growth both[] = {{&first, 32}, {&second, 400}};
  const Status status = KvCache::ReserveAll(both);
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(status.message().find("7 x 16,384 bytes more"), std::string::npos) << status.message();
  EXPECT_EQ(std::pair(pages_of(first), pages_of(second)), before);
  EXPECT_EQ(pool.used_bytes(), used);
  EXPECT_EQ(first.length(), 192u);
  EXPECT_EQ(first.room(), 192u);
  ASSERT_TRUE(first.TruncateTo(160)) << "as far back as before";
  EXPECT_TRUE(first.Reserve(1).ok());
}

TEST(KvCacheTest, AQ8CacheNeedsHeadsOfWholeBlocks) {
  const auto cache = KvCache::Create(AnyCompute(), Config({0}, 48), KvType::kQ8_0, 64, 16);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(cache.status().message().find("48"), std::string::npos) << cache.status().message();
  EXPECT_TRUE(KvCache::Create(AnyCompute(), Config({0}, 64), KvType::kQ8_0, 64, 16).ok());
}

TEST(KvCacheTest, AQ8CacheIsAboutHalfOfF16) {
  const auto f16 = KvCache::BytesOf(Config({0}), KvType::kF16, 1024, 16);
  const auto q8 = KvCache::BytesOf(Config({0}), KvType::kQ8_0, 1024, 16);
  ASSERT_TRUE(f16.ok() && q8.ok());
  EXPECT_EQ(q8.value(), f16.value() * 34 / 64);  // 32 codes, one scale
}

TEST(KvCacheTest, TooLittleMemoryIsAPoliteRefusalWithNumbers) {
  const auto cache =
      KvCache::Create(AnyCompute(), Config({0}, 1024), KvType::kF32, size_t{4000000000}, 512);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kOutOfMemory);
  const std::string message = cache.status().message();
  EXPECT_NE(message.find("4000000000 positions"), std::string::npos) << message;
  EXPECT_NE(message.find("memory free"), std::string::npos) << message;
}

TEST(KvCacheTest, SizesBeyond64BitsAreRefusedToo) {
  model::ModelConfig config = Config(std::vector<size_t>(1000, 0), size_t{1} << 19);
  const auto cache = KvCache::Create(AnyCompute(), config, KvType::kF32, size_t{1} << 32, 512);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kOutOfMemory) << cache.status().message();
}

TEST(KvCacheTest, NoPositionsOrAbsurdlyManyAreInvalid) {
  for (const size_t context : {size_t{0}, (size_t{1} << 32) + 1, ~size_t{0}}) {
    const auto cache = KvCache::Create(AnyCompute(), Config({0}), KvType::kF16, context, 16);
    ASSERT_FALSE(cache.ok()) << context;
    EXPECT_EQ(cache.status().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace altteul::engine
