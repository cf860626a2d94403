// SPDX-License-Identifier: Apache-2.0

#include "engine/stop_filter.h"

#include <gtest/gtest.h>

namespace altteul::engine {
namespace {

using Stops = std::vector<std::string>;

TEST(StopFilterTest, StopsAtTheTextOfAHiddenToken) {
  const Stops stops = {"<|turn|>"};
  StopFilter filter(stops);
  EXPECT_EQ(filter.Push("abc"), "abc");
  EXPECT_EQ(filter.PushHidden("<|turn|>"), "");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.Finish(), "");
}

TEST(StopFilterTest, OtherHiddenTokensAreNeitherShownNorStoppedAt) {
  const Stops stops = {"<|turn|>"};
  StopFilter filter(stops);
  EXPECT_EQ(filter.PushHidden("<|tool|>"), "");
  EXPECT_EQ(filter.Push("a"), "a");
  EXPECT_EQ(filter.PushHidden("<|tu"), "");  // could still grow
  EXPECT_EQ(filter.Push("b"), "b");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilterTest, StopsAtWordsBesideAHiddenToken) {
  for (const char* stop : {"end<|turn|>", "<|turn|>user", "end<|turn|>user"}) {
    const Stops stops = {stop};
    StopFilter filter(stops);
    std::string shown = filter.Push("the en");
    shown += filter.Push("d");
    shown += filter.PushHidden("<|turn|>");
    shown += filter.Push("us");
    shown += filter.Push("er!");
    EXPECT_TRUE(filter.stopped()) << stop;
    EXPECT_EQ(shown, std::string_view(stop).starts_with("end") ? "the " : "the end") << stop;
  }
}

TEST(StopFilterTest, WhatWasHeldBackBeforeAHiddenTokenIsReleasedWithoutIt) {
  const Stops stops = {"end<|turn|>"};
  StopFilter filter(stops);
  EXPECT_EQ(filter.Push("the end"), "the ");
  EXPECT_EQ(filter.PushHidden("<|tool|>"), "") << "shown tokens could still spell <|turn|>";
  EXPECT_EQ(filter.Push("en"), "end");
  EXPECT_EQ(filter.Finish(), "en");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilterTest, AHiddenTokenInTheMiddleOfAStopTextDoesNotLetItThrough) {
  const Stops stops = {"abc"};
  StopFilter filter(stops);
  EXPECT_EQ(filter.Push("xa"), "x");
  EXPECT_EQ(filter.PushHidden("<|tool|>"), "");
  EXPECT_EQ(filter.Push("b"), "");
  EXPECT_EQ(filter.Push("cd"), "");
  EXPECT_TRUE(filter.stopped());
}

TEST(StopFilterTest, TheSameTextSpelledByShownTokensStopsToo) {
  const Stops stops = {"<|turn|>"};
  StopFilter filter(stops);
  EXPECT_EQ(filter.Push("a<|tu"), "a");
  EXPECT_EQ(filter.Push("rn|>b"), "");
  EXPECT_TRUE(filter.stopped());
}

TEST(StopFilterTest, WhatWasHeldForAnotherStopTextIsShown) {
  const Stops stops = {"<|turn|>", "bc"};
  StopFilter filter(stops);
  std::string shown = filter.Push("ab");
  shown += filter.PushHidden("<|turn|>");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(shown, "ab") << "'b' could have become 'bc'";
}

}  // namespace
}  // namespace altteul::engine
