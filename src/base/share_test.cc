// SPDX-License-Identifier: Apache-2.0

#include "base/share.h"

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(ShareOfTest, CoversEverythingOnceInMultiplesOfTheGrain) {
  for (const size_t count : {0u, 1u, 16u, 17u, 576u, 1000u}) {
    for (int n = 1; n <= 5; ++n) {
      size_t next = 0;
      for (int thread = 0; thread < n; ++thread) {
        const Share share = ShareOf(count, 16, thread, n);
        EXPECT_EQ(share.begin, next);
        EXPECT_TRUE(share.begin % 16 == 0 || share.begin == count);
        next = share.end;
      }
      EXPECT_EQ(next, count) << count << " items, " << n << " threads";
    }
  }
}

}  // namespace
}  // namespace altteul
