// SPDX-License-Identifier: Apache-2.0

#include "tools/series_spec.h"

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

std::vector<std::string> NamesOf(const SeriesRequest& request) {
  std::vector<std::string> names;
  for (const SeriesSpec& spec : PlanSeries(request)) names.push_back(spec.Name());
  return names;
}

TEST(SeriesSpecTest, NamesAreThoseOfLlamaBenchAndReadBackAsTheyWere) {
  const SeriesRequest request = {
      .n_prompt = 512, .n_answer = 128, .batches = {1, 8}, .depths = {0, 1024}};
  EXPECT_EQ(NamesOf(request), (std::vector<std::string>{"pp512", "tg128", "tg128x8", "pp512@d1024",
                                                        "tg128@d1024", "tg128x8@d1024"}));
  for (const SeriesSpec& spec : PlanSeries(request)) {
    EXPECT_EQ(ParseSeriesName(spec.Name()), spec) << spec.Name();
  }
}

TEST(SeriesSpecTest, ZeroTokensAreNotMeasured) {
  EXPECT_EQ(NamesOf({.n_prompt = 0, .n_answer = 4}), std::vector<std::string>{"tg4"});
  EXPECT_EQ(NamesOf({.n_prompt = 4, .n_answer = 0}), std::vector<std::string>{"pp4"});
}

TEST(SeriesSpecTest, TheLongSpellingMeansTheSame) {
  EXPECT_EQ(ParseSeriesName("tg128x1@d0"), ParseSeriesName("tg128"));
}

TEST(SeriesSpecTest, AnyOtherTextIsNoName) {
  for (const char* text : {"",
                           "p",
                           "pp",
                           "pp0",
                           "tg0",
                           "tg128x",
                           "tg128x0",
                           "tg128@d",
                           "tg128@",
                           "pp512x8",
                           "pp-1",
                           "pp 512",
                           "pp512 ",
                           "PP512",
                           "pp0512",
                           "tg128@d01",
                           "tg128@d1@d1",
                           "tg128@d1x8",
                           "pp1e3",
                           "pp1234567890",
                           "tg1x1234567890",
                           "xx12",
                           "median"}) {
    EXPECT_FALSE(ParseSeriesName(text)) << text;
  }
  EXPECT_FALSE(ParseSeriesName(std::string_view("pp512\0", 6)));
}

}  // namespace
}  // namespace altteul::tools
