// SPDX-License-Identifier: Apache-2.0

#include "compress/calibration_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace altteul::compress {
namespace {

constexpr size_t kContext = 4;

/// Tokens that are all different, those of text `number` from 1000 * number on.
WeightedText Text(int number, size_t n_tokens, double weight = 1) {
  WeightedText text;
  text.name = "text" + std::to_string(number);
  text.ids.resize(n_tokens);
  std::iota(text.ids.begin(), text.ids.end(), 1000 * number);
  text.weight = weight;
  return text;
}

CalibrationText Cut(const std::vector<WeightedText>& texts, size_t fitted, size_t held_out) {
  const auto cut = CutCalibrationText(
      texts, {.context = kContext, .fitted_chunks = fitted, .held_out_chunks = held_out});
  EXPECT_TRUE(cut.ok()) << cut.status().message();
  return cut.value();
}

void ExpectWholeChunks(const std::vector<text::TokenId>& ids) {
  ASSERT_EQ(ids.size() % kContext, 0u);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(ids[i], ids[i / kContext * kContext] + static_cast<int>(i % kContext));
    EXPECT_EQ(ids[i / kContext * kContext] % static_cast<int>(kContext), 0);
  }
}

TEST(CalibrationTextTest, AllChunksAreTakenOnceAndTheRestIsLeft) {
  const CalibrationText cut = Cut({Text(0, 43)}, 0, 2);
  EXPECT_EQ(cut.text_tokens, 43u);
  EXPECT_EQ(cut.fitted.size(), 8 * kContext);
  EXPECT_EQ(cut.held_out.size(), 2 * kContext);
  ExpectWholeChunks(cut.fitted);
  ExpectWholeChunks(cut.held_out);
  std::set<text::TokenId> seen(cut.fitted.begin(), cut.fitted.end());
  seen.insert(cut.held_out.begin(), cut.held_out.end());
  EXPECT_EQ(seen.size(), 40u);
}

TEST(CalibrationTextTest, FewChunksAreSpreadOverTheText) {
  const CalibrationText cut = Cut({Text(0, 100 * kContext)}, 4, 1);
  ASSERT_EQ(cut.fitted.size(), 4 * kContext);
  ASSERT_EQ(cut.held_out.size(), kContext);
  EXPECT_EQ(cut.fitted.front(), 0);
  std::vector<text::TokenId> starts = {cut.held_out[0]};
  for (size_t i = 0; i < 4; ++i) starts.push_back(cut.fitted[i * kContext]);
  std::sort(starts.begin(), starts.end());
  for (size_t i = 1; i < starts.size(); ++i) EXPECT_EQ(starts[i] - starts[i - 1], 80);
}

TEST(CalibrationTextTest, EveryTextGivesItsShare) {
  const CalibrationText cut = Cut({Text(1, 400, 3), Text(2, 400, 1)}, 14, 2);
  EXPECT_EQ(cut.chunks, (std::vector<size_t>{12, 4}));
  EXPECT_EQ(cut.fitted.size(), 14 * kContext);
  size_t of_the_second = 0;
  for (const text::TokenId id : cut.fitted) of_the_second += id >= 2000 ? 1 : 0;
  for (const text::TokenId id : cut.held_out) of_the_second += id >= 2000 ? 1 : 0;
  EXPECT_EQ(of_the_second, 4 * kContext);
}

TEST(CalibrationTextTest, TextsTakeTurnsSoThatAnyBeginningHasAllOfThem) {
  const CalibrationText cut = Cut({Text(1, 400), Text(2, 400)}, 12, 4);
  for (const auto* ids : {&cut.fitted, &cut.held_out}) {
    ExpectWholeChunks(*ids);
    for (size_t chunk = 0; chunk < ids->size() / kContext; ++chunk) {
      EXPECT_EQ((*ids)[chunk * kContext] / 1000, chunk % 2 == 0 ? 1 : 2) << chunk;
    }
  }
  // Of three to one, the one stands in the middle of its four.
  const CalibrationText uneven = Cut({Text(1, 400, 3), Text(2, 400, 1)}, 16, 0);
  size_t of_the_second = 0;
  for (size_t chunk = 0; chunk < 16; ++chunk) {
    of_the_second += uneven.fitted[chunk * kContext] >= 2000 ? 1 : 0;
    EXPECT_EQ(of_the_second, (chunk + 2) / 4) << chunk;
  }
}

TEST(ProbeTest, IsOfAllTextsThatTakeTurns) {
  const CalibrationText cut =
      CutCalibrationText(std::vector{Text(1, 8000), Text(20, 8000)},
                         {.context = 512, .fitted_chunks = 4, .held_out_chunks = 4})
          .value();
  const Probe probe = ProbeOf(cut.held_out, 512, 256);
  EXPECT_EQ(probe.context, kLeastRun);
  ASSERT_EQ(probe.ids.size(), 4 * kLeastRun);
  for (size_t i = 0; i < probe.ids.size(); ++i) {
    const size_t run = i / kLeastRun;
    EXPECT_EQ(probe.ids[i], cut.held_out[run * 512 + i % kLeastRun]);
    EXPECT_EQ(probe.ids[i] >= 20000, run % 2 == 1) << i;
  }
}

/// How many of the chunks held out are of each text.
std::vector<size_t> HeldOutOf(const std::vector<WeightedText>& texts, size_t fitted,
                              size_t held_out) {
  const CalibrationText cut = Cut(texts, fitted, held_out);
  EXPECT_EQ(cut.fitted.size(), fitted * kContext);
  EXPECT_EQ(cut.held_out.size(), held_out * kContext);
  std::vector<size_t> counts(texts.size());
  for (size_t i = 0; i < cut.held_out.size(); i += kContext) {
    ++counts[static_cast<size_t>(cut.held_out[i] / 1000)];
  }
  return counts;
}

TEST(CalibrationTextTest, HeldOutAreTheSharesOfTheTextsInAnyOrder) {
  using Counts = std::vector<size_t>;
  EXPECT_EQ(HeldOutOf({Text(0, 400), Text(1, 400)}, 32, 4), (Counts{2, 2}));
  EXPECT_EQ(HeldOutOf({Text(0, 400, 3), Text(1, 400)}, 32, 4), (Counts{3, 1}));
  EXPECT_EQ(HeldOutOf({Text(0, 400), Text(1, 400, 3)}, 32, 4), (Counts{1, 3}));
  // A quarter of what is held out would be too much for 1/9.
  EXPECT_EQ(HeldOutOf({Text(0, 400, 8), Text(1, 400)}, 32, 4), (Counts{4, 0}));
  EXPECT_EQ(HeldOutOf({Text(0, 400), Text(1, 400, 8)}, 32, 4), (Counts{0, 4}));
  EXPECT_EQ(HeldOutOf({Text(0, 400, 8), Text(1, 400)}, 32, 16), (Counts{14, 2}));
  // Of each text a chunk is left to fit to, as long as there is another.
  EXPECT_EQ(HeldOutOf({Text(0, 400, 4), Text(1, 400)}, 2, 3), (Counts{3, 0}));
  EXPECT_EQ(HeldOutOf({Text(0, 400, 2), Text(1, 400)}, 1, 2), (Counts{1, 1}));
}

TEST(ProbeTest, RunsAreLongerWhereChunksAreFew) {
  std::vector<text::TokenId> ids(3 * 512);
  std::iota(ids.begin(), ids.end(), 0);
  const std::span<const text::TokenId> text(ids);
  const Probe one = ProbeOf(text.first(512), 512, 256);
  EXPECT_EQ(one.context, 256u);
  EXPECT_EQ(one.ids, std::vector(ids.begin(), ids.begin() + 256));
  const Probe three = ProbeOf(text, 512, 500);
  EXPECT_EQ(three.context, 166u);
  EXPECT_EQ(three.ids.size(), 3 * 166u);
  EXPECT_EQ(three.ids[2 * 166], 1024);
  // Too few tokens for two runs.
  const Probe few = ProbeOf(text, 512, 100);
  EXPECT_EQ(few.context, 100u);
  EXPECT_EQ(few.ids.size(), 100u);
}

TEST(CalibrationTextTest, ChunksBeginWithBosWhereTheModelDoes) {
  constexpr text::TokenId kBos = 7;
  const std::vector<WeightedText> texts = {Text(1, 400), Text(2, 400)};
  const CalibrationText plain = Cut(texts, 12, 4);
  const auto cut = CutCalibrationText(
      texts, {.context = kContext, .fitted_chunks = 12, .held_out_chunks = 4, .bos = kBos});
  ASSERT_TRUE(cut.ok());
  const auto expect_begun = [&](const std::vector<text::TokenId>& ids,
                                const std::vector<text::TokenId>& others) {
    ASSERT_EQ(ids.size(), others.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(ids[i], i % kContext == 0 ? kBos : others[i]) << i;
    }
  };
  expect_begun(cut.value().fitted, plain.fitted);
  expect_begun(cut.value().held_out, plain.held_out);
}

TEST(CalibrationTextTest, AShortTextLimitsAllOfThem) {
  const CalibrationText cut = Cut({Text(1, 400), Text(2, 3 * kContext + 1)}, 0, 0);
  EXPECT_EQ(cut.chunks[1], 3u);
  EXPECT_LE(cut.chunks[0], 4u);
  EXPECT_GE(cut.chunks[0], 3u);
}

TEST(CalibrationTextTest, TooShortTextsAreRefusedWithTheNumbers) {
  const auto cut = CutCalibrationText(std::vector{Text(7, 2 * kContext)},
                                      {.context = kContext, .held_out_chunks = 2});
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.status().code(), ErrorCode::kInvalidArgument);
  for (const char* part : {"text7", "8 tokens", "one chunk of 4", "2 held out"}) {
    EXPECT_NE(cut.status().message().find(part), std::string::npos) << cut.status().message();
  }
  EXPECT_FALSE(CutCalibrationText({}, {.context = kContext}).ok());
}

TEST(CalibrationTextTest, WholeChunksLeaveOutTheRest) {
  const std::vector<text::TokenId> ids(2 * kContext + 1, 7);
  for (size_t n = kContext; n <= ids.size(); ++n) {
    const auto whole = WholeChunks(std::span(ids).first(n), kContext, "a text");
    ASSERT_TRUE(whole.ok()) << n;
    EXPECT_EQ(whole.value().data(), ids.data());
    EXPECT_EQ(whole.value().size(), n / kContext * kContext) << n;
  }
  const auto none = WholeChunks(std::span(ids).first(kContext - 1), kContext, "a text");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().message(), "a text has 3 tokens, which is less than one chunk of 4");
}

TEST(CalibrationTextTest, WeightsArePositive) {
  for (const double weight : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    const auto cut = CutCalibrationText(std::vector{Text(1, 100, weight)}, {.context = kContext});
    ASSERT_FALSE(cut.ok()) << weight;
    EXPECT_NE(cut.status().message().find("positive"), std::string::npos);
  }
}

}  // namespace
}  // namespace altteul::compress
