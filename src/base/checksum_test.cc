// SPDX-License-Identifier: Apache-2.0

#include "base/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace altteul {
namespace {

uint64_t Of(std::string_view text) {
  Checksum sum;
  sum.Add(text);
  return sum.value();
}

TEST(ChecksumTest, HowTheBytesWereCutDoesNotMatter) {
  const std::string text = "some bytes, more than two words of them";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      Checksum sum;
      sum.Add(std::string_view(text).substr(0, first));
      sum.Add(std::string_view(text).substr(first, second - first));
      sum.Add(std::string_view(text).substr(second));
      ASSERT_EQ(sum.value(), Of(text)) << first << ", " << second;
    }
  }
}

TEST(ChecksumTest, EveryBitAndEveryLengthCounts) {
  std::string text(40, '\0');
  std::set<uint64_t> values;
  for (size_t n = 0; n <= text.size(); ++n) values.insert(Of(text.substr(0, n)));
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(1 << bit % 8);
    values.insert(Of(changed));
  }
  EXPECT_EQ(values.size(), 41 + 8 * text.size());
}

}  // namespace
}  // namespace altteul
