// SPDX-License-Identifier: Apache-2.0

#include "engine/page_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "compute/test_compute.h"
namespace altteul::engine {

using compute::testing::AnyCompute;
namespace {

using Page = PagePool::Page;

std::vector<Page*> Take(PagePool& pool, size_t page_bytes, size_t n) {
  std::vector<Page*> pages;
  const Status status = pool.Take(page_bytes, n, 0, &pages);
  EXPECT_TRUE(status.ok()) << status.message();
  return pages;
}

TEST(PagePoolTest, TakesMemoryOnlyForPagesThatAreAskedFor) {
  PagePool pool(AnyCompute());
  EXPECT_EQ(pool.taken_bytes(), 0u);
  Take(pool, 4096, 1);
  EXPECT_EQ(pool.taken_bytes(), 4096u);
  Take(pool, 4096, 0);
  Take(pool, 128, 3);
  EXPECT_EQ(pool.taken_bytes(), 4096u + 3 * 128);
  EXPECT_EQ(pool.used_bytes(), 4096u + 3 * 128);
}

TEST(PagePoolTest, PagesLieApartAndAreAligned) {
  PagePool pool(AnyCompute());
  std::vector<Page*> pages;
  for (const size_t n : {1, 3, 2}) ASSERT_TRUE(pool.Take(192, n, 0, &pages).ok());
  ASSERT_EQ(pages.size(), 6u);
  for (size_t i = 0; i < pages.size(); ++i) {
    EXPECT_EQ(pages[i]->size_bytes, 192u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pages[i]->at.place()) % 64, 0u);
    std::memset(pages[i]->at.place(), static_cast<int>(i), 192);
  }
  for (size_t i = 0; i < pages.size(); ++i) {
    EXPECT_TRUE(std::all_of(pages[i]->at.place(), pages[i]->at.place() + 192,
                            [i](std::byte b) { return b == static_cast<std::byte>(i); }));
  }
}

TEST(PagePoolTest, APageIsUsedAgainWhenItsLastReferenceIsGone) {
  PagePool pool(AnyCompute());
  Page* page = Take(pool, 64, 1).front();
  pool.Retain(page);
  pool.Release(page);
  EXPECT_NE(Take(pool, 64, 1).front(), page) << "one reference is left";
  pool.Release(page);
  EXPECT_EQ(pool.used_bytes(), 64u);
  EXPECT_EQ(Take(pool, 64, 1).front(), page);
  EXPECT_EQ(pool.taken_bytes(), 128u);
}

TEST(PagePoolTest, PagesOfOneSizeDoNotServeAnother) {
  PagePool pool(AnyCompute());
  pool.Release(Take(pool, 256, 1).front());
  EXPECT_EQ(Take(pool, 64, 1).front()->size_bytes, 64u);
  EXPECT_EQ(pool.taken_bytes(), 320u);
}

TEST(PagePoolTest, ADryPoolRefusesWithNumbersAndGivesNone) {
  PagePool pool(AnyCompute(), 1000);
  std::vector<Page*> pages = Take(pool, 256, 2);
  pool.Release(pages.back());
  pages.pop_back();
  const Status status = pool.Take(256, 3, 0, &pages);
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(status.message().find("holds 512 bytes and may hold 1,000, but 2 x 256 bytes more"),
            std::string::npos)
      << status.message();
  EXPECT_EQ(pages.size(), 1u);
  EXPECT_EQ(pool.used_bytes(), 256u);
  EXPECT_EQ(pool.taken_bytes(), 512u);
  EXPECT_TRUE(pool.Take(256, 2, 0, &pages).ok()) << "one free, one new";
  pool.Release(pages.back());
  EXPECT_TRUE(pool.Take(256, 1, 0, &pages).ok()) << "what comes back serves again";
}

TEST(PagePoolTest, SizesBeyondAnyMemoryAreRefusedPolitely) {
  PagePool pool(AnyCompute());
  std::vector<Page*> pages;
  for (const size_t n : {size_t{1} << 40, ~size_t{0}}) {
    EXPECT_EQ(pool.Take(size_t{1} << 20, n, 0, &pages).code(), ErrorCode::kOutOfMemory);
  }
  EXPECT_EQ(pool.taken_bytes(), 0u);
}

TEST(PagePoolTest, APoolThatIsNotSmallTakesLargerPiecesAheadOfNeed) {
  constexpr size_t kPage = size_t{1} << 20, kSlab = 8 * kPage;
  PagePool pool(AnyCompute(), 3 * kSlab);
  std::vector<PagePool::Page*> pages;
  ASSERT_TRUE(pool.Take(kPage, 3, 100, &pages).ok());
  EXPECT_EQ(pool.taken_bytes(), 3 * kPage) << "small: no more than asked for";
  ASSERT_TRUE(pool.Take(kPage, 6, 100, &pages).ok());
  EXPECT_EQ(pool.taken_bytes(), 9 * kPage);
  ASSERT_TRUE(pool.Take(kPage, 1, 100, &pages).ok());
  EXPECT_EQ(pool.taken_bytes(), 9 * kPage + kSlab);
  EXPECT_EQ(pool.used_bytes(), 10 * kPage);
  ASSERT_TRUE(pool.Take(kPage, 8, 1, &pages).ok()) << "seven are free, and one more may be needed";
  EXPECT_EQ(pool.taken_bytes(), 9 * kPage + kSlab + 2 * kPage);
  ASSERT_TRUE(pool.Take(kPage, 2, 100, &pages).ok()) << "a whole piece is beyond the limit";
  EXPECT_EQ(pool.taken_bytes(), 9 * kPage + kSlab + 3 * kPage);
}

}  // namespace
}  // namespace altteul::engine
