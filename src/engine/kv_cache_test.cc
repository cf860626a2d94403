// SPDX-License-Identifier: Apache-2.0

#include "engine/kv_cache.h"

#include <gtest/gtest.h>

namespace altteul::engine {
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
  return std::move(KvCache::Create(Config(windows), KvType::kF16, context, max_chunk)).value();
}

TEST(KvCacheTest, AFullLayerHoldsTheContextInWholeTiles) {
  KvCache cache = Make({0, 0}, 100, 16);
  EXPECT_EQ(cache.layout(0).capacity, 128u);  // 100 rounded up to tiles of 64
  // 2 layers x (K and V) x 2 heads x 128 positions x 32 numbers x 2 bytes.
  EXPECT_EQ(cache.size_bytes(), 2u * 2 * 2 * 128 * 32 * 2);
  EXPECT_EQ(cache.context(), 100u);
  EXPECT_EQ(cache.length(), 0u);
}

TEST(KvCacheTest, AWindowedLayerHoldsWindowAndChunkInWholeTiles) {
  KvCache cache = Make({0, 100}, 4096, 60);
  EXPECT_EQ(cache.layout(0).capacity, 4096u);
  EXPECT_EQ(cache.layout(1).capacity, 192u);  // 160 rounded up
}

TEST(KvCacheTest, AWindowThatReachesTheContextNeedsNoRing) {
  EXPECT_EQ(Make({300}, 256, 16).layout(0).capacity, 256u);
  EXPECT_EQ(Make({200}, 256, 100).layout(0).capacity, 256u);  // the ring would not be smaller
}

TEST(KvCacheTest, LayersLieApartAndInside) {
  KvCache cache = Make({0, 100, 0}, 1000, 16);
  for (size_t layer = 0; layer + 1 < 3; ++layer) {
    EXPECT_GE(cache.data(layer + 1), cache.data(layer) + cache.layout(layer).total_bytes());
  }
  EXPECT_LE(cache.data(2) + cache.layout(2).total_bytes(), cache.data(0) + cache.size_bytes());
}

TEST(KvCacheTest, ForgetsAnyPositionWhileNothingWasOverwritten) {
  KvCache cache = Make({0}, 256, 16);
  cache.Advance(200);
  EXPECT_FALSE(cache.TruncateTo(201)) << "there is nothing to come back to";
  EXPECT_EQ(cache.length(), 200u);
  EXPECT_TRUE(cache.TruncateTo(200));
  EXPECT_TRUE(cache.TruncateTo(1));
  EXPECT_EQ(cache.length(), 1u);
}

TEST(KvCacheTest, AFullLayerMayGoBackAnywhereEvenWhenFull) {
  KvCache cache = Make({0}, 256, 16);
  cache.Advance(256);
  EXPECT_TRUE(cache.TruncateTo(3));
}

// Window 16, ring 64: after position 63 the oldest slots are used again.
TEST(KvCacheTest, ARingGoesBackAsFarAsTheWindowIsStillThere) {
  for (size_t high = 65; high <= 256; ++high) {
    for (size_t length = 1; length <= high; ++length) {
      KvCache cache = Make({16}, 512, 32);
      ASSERT_EQ(cache.layout(0).capacity, 64u);
      cache.Advance(high);
      // A query at `length` sees keys from length - 15 on; the ring has those from high - 64 on.
      const bool all_there = length < 16 ? high <= 64 : length - 15 >= high - 64;
      const bool went_back = cache.TruncateTo(length);
      if (went_back) {
        EXPECT_TRUE(all_there) << "back to " << length << " from " << high;
      } else {
        // One position of caution is allowed, no more.
        EXPECT_TRUE(!all_there || length - 16 < high - 64)
            << "back to " << length << " from " << high;
        EXPECT_EQ(cache.length(), high);
      }
    }
  }
}

// What guessing ahead relies on: rows of one pass, all or some, can be forgotten at once, also
// behind an earlier step back.
TEST(KvCacheTest, APassCanAlwaysBeTakenBack) {
  for (const size_t back : {size_t{0}, size_t{7}, size_t{48}}) {
    KvCache cache = Make({16, 0}, 512, 32);
    cache.Advance(200);
    cache.TruncateTo(200 - back);
    for (size_t length = cache.length(); length + 32 <= 512; ++length) {
      for (size_t kept = 0; kept < 32; ++kept) {
        ASSERT_EQ(cache.length(), length);
        cache.Advance(32);
        ASSERT_TRUE(cache.TruncateTo(length + kept)) << length << " and " << kept;
        ASSERT_TRUE(cache.TruncateTo(length)) << length << " and " << kept;
      }
      cache.Advance(1);
    }
  }
}

TEST(KvCacheTest, ARingRemembersHowFarItOnceWas) {
  KvCache cache = Make({16}, 512, 32);
  cache.Advance(200);
  ASSERT_TRUE(cache.TruncateTo(160));
  // From 160 it looks as if 120 were still there, but positions up to 199 have been written.
  EXPECT_FALSE(cache.TruncateTo(120));
  EXPECT_EQ(cache.length(), 160u);
}

TEST(KvCacheTest, GoingBackToTheBeginningIsAlwaysPossibleAndForgetsAll) {
  KvCache cache = Make({16}, 512, 32);
  cache.Advance(300);
  EXPECT_TRUE(cache.TruncateTo(0));
  cache.Advance(40);
  EXPECT_TRUE(cache.TruncateTo(1)) << "the second life has overwritten nothing";
}

TEST(KvCacheTest, TheSmallestRingDecides) {
  KvCache cache = Make({0, 128, 16}, 1024, 32);
  cache.Advance(500);
  EXPECT_FALSE(cache.TruncateTo(440));
  EXPECT_TRUE(cache.TruncateTo(460));
}

TEST(KvCacheTest, AQ8CacheNeedsHeadsOfWholeBlocks) {
  const auto cache = KvCache::Create(Config({0}, 48), KvType::kQ8_0, 64, 16);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(cache.status().message().find("48"), std::string::npos) << cache.status().message();
  EXPECT_TRUE(KvCache::Create(Config({0}, 64), KvType::kQ8_0, 64, 16).ok());
}

TEST(KvCacheTest, AQ8CacheIsAboutHalfOfF16) {
  const auto f16 = KvCache::Create(Config({0}), KvType::kF16, 1024, 16);
  const auto q8 = KvCache::Create(Config({0}), KvType::kQ8_0, 1024, 16);
  ASSERT_TRUE(f16.ok() && q8.ok());
  EXPECT_EQ(q8.value().size_bytes(), f16.value().size_bytes() * 34 / 64);  // 32 codes, one scale
}

TEST(KvCacheTest, TooLittleMemoryIsAPoliteRefusalWithNumbers) {
  const auto cache = KvCache::Create(Config({0}, 1024), KvType::kF32, size_t{4000000000}, 512);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kOutOfMemory);
  const std::string message = cache.status().message();
  EXPECT_NE(message.find("4000000000 positions"), std::string::npos) << message;
  EXPECT_NE(message.find("memory free"), std::string::npos) << message;
}

TEST(KvCacheTest, SizesBeyond64BitsAreRefusedToo) {
  model::ModelConfig config = Config(std::vector<size_t>(1000, 0), size_t{1} << 19);
  const auto cache = KvCache::Create(config, KvType::kF32, size_t{1} << 32, 512);
  ASSERT_FALSE(cache.ok());
  EXPECT_EQ(cache.status().code(), ErrorCode::kOutOfMemory) << cache.status().message();
}

TEST(KvCacheTest, NoPositionsOrAbsurdlyManyAreInvalid) {
  for (const size_t context : {size_t{0}, (size_t{1} << 32) + 1, ~size_t{0}}) {
    const auto cache = KvCache::Create(Config({0}), KvType::kF16, context, 16);
    ASSERT_FALSE(cache.ok()) << context;
    EXPECT_EQ(cache.status().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace altteul::engine
