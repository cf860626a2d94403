// SPDX-License-Identifier: Apache-2.0

#include "tools/roofline_page.h"

#include <gtest/gtest.h>

namespace altteul::tools {
namespace {

BenchReport Report() {
  BenchReport report;
  report.model = "<b>evil</b>.gguf";
  report.command = "altteul bench '<i>'";
  report.bytes_per_token = 100'000'000;
  ThreadResult result;
  result.threads = 2;
  result.series = {{.spec = *ParseSeriesName("pp512"), .runs = {1000, 1100, 1200}},
                   {.spec = *ParseSeriesName("tg128"), .runs = {200, 210, 190}}};
  result.bandwidths = {30e9};
  result.peaks.team = {.int8_ops_per_s = 900e9, .bf16_flops = 0, .f32_flops = 200e9};
  // One run of the prompt: 512 * 0.2 GOP from 0.1 GB; of the answer 128 * 0.2 GOP from 12.8 GB.
  report.work = {{.ops = 102.4e9, .weight_bytes = 0.1e9, .kv_bytes = 0, .tokens = 512},
                 {.ops = 25.6e9, .weight_bytes = 12e9, .kv_bytes = 0.8e9, .tokens = 128}};
  result.layers = {
      {.kind = "down", .type = "Q4_0", .n_rows = 8, .ops = 60e6, .bytes = 2e6, .seconds = 1e-4}};
  report.results = {result};
  return report;
}

TEST(RooflinePageTest, RatesFollowFromTheMedian) {
  const BenchReport report = Report();
  const ReachedRates answer = RatesOf(report.work[1], 200);
  EXPECT_DOUBLE_EQ(answer.ops_per_s, 40e9);
  EXPECT_DOUBLE_EQ(answer.bytes_per_s, 20e9);
  EXPECT_DOUBLE_EQ(report.work[1].intensity(), 2.0);
}

TEST(RooflinePageTest, ShowsEverySeriesBesideTheRoofs) {
  const std::string html = RooflineHtml(Report());
  for (const char* part :
       {"int8 products: 900 G/s, flat from 30 operations a byte", "f32 products: 200 G/s",
        "no such instruction", "tg128: 200.0 tokens/s, 40.0 GOP/s, 20.0 GB/s", "66.7 %",
        "1024.0</td>", "2 threads", "down (Q4_0), 8 rows: 600.0 GOP/s",
        "<td class=\"n\">100.0</td>"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find("bf16 products: "), std::string::npos) << "a roof that is not there";
}

TEST(RooflinePageTest, TextsOfOthersAreEscaped) {
  const std::string html = RooflineHtml(Report());
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;evil&lt;/b&gt;.gguf"), std::string::npos);
}

TEST(RooflinePageTest, AComparisonIsATable) {
  BenchReport report = Report();
  EXPECT_EQ(RooflineHtml(report).find("Beside a peer"), std::string::npos);
  report.comparison = {.command = "peer --x",
                       .n_rounds = 1,
                       .series = {{.name = "tg128", .ours = {200}, .peer = {100}, .ratios = {2}}},
                       .only_ours = {},
                       .only_peer = {}};
  const std::string html = RooflineHtml(report);
  EXPECT_NE(html.find("peer --x"), std::string::npos);
  EXPECT_NE(html.find("<td class=\"n\">2.00</td><td class=\"n\">2.00 to 2.00</td><td>too few"),
            std::string::npos);
}

}  // namespace
}  // namespace altteul::tools
