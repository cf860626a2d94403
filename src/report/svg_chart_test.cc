// SPDX-License-Identifier: Apache-2.0

#include "report/svg_chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/html_page.h"

namespace altteul::report {
namespace {

size_t Count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Every tag is closed in order: what an XML reader asks first.
bool TagsAreBalanced(const std::string& text) {
  std::vector<std::string> open;
  for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const size_t end = text.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = text.substr(at + 1, end - at - 1);
    if (tag.back() == '/') continue;
    const std::string name = tag.substr(tag[0] == '/', tag.find(' ') - (tag[0] == '/'));
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

SvgChart LogChart() {
  return SvgChart("c", {.label = "x", .logarithmic = true}, {.label = "y", .logarithmic = true});
}

TEST(SvgChartTest, ADecadeIsAsWideAsAnother) {
  SvgChart chart = LogChart();
  chart.AddMarks("m", {{.at = {1, 1}, .label = "a", .tooltip = {}},
                       {.at = {10, 10}, .label = "b", .tooltip = {}},
                       {.at = {100, 100}, .label = "c", .tooltip = {}}});
  const std::string svg = chart.ToSvg();
  // x from 70 to 740, y from 408 up to 16, two decades.
  EXPECT_NE(svg.find("cx=\"70.0\" cy=\"408.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("cx=\"405.0\" cy=\"212.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("cx=\"740.0\" cy=\"16.0\""), std::string::npos) << svg;
}

TEST(SvgChartTest, LinearAxesEndAtTicks) {
  SvgChart chart("c", {.label = "x"}, {.label = "y"});
  chart.AddLine("l", {{0.5, -3}, {9.5, 17}});
  const std::string svg = chart.ToSvg();
  EXPECT_NE(svg.find(">10</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">-4</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">18</text>"), std::string::npos) << svg;
}

TEST(SvgChartTest, PointsWithoutAPlaceAreLeftOut) {
  SvgChart chart = LogChart();
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  chart.AddMarks("m", {{.at = {0, 1}, .label = {}, .tooltip = {}},
                       {.at = {-1, 1}, .label = {}, .tooltip = {}},
                       {.at = {1, nan}, .label = {}, .tooltip = {}},
                       {.at = {infinity, 1}, .label = {}, .tooltip = {}},
                       {.at = {2, 3}, .label = {}, .tooltip = {}, .low_y = 0, .high_y = 4}});
  const std::string svg = chart.ToSvg();
  EXPECT_EQ(Count(svg, "<circle"), 1u);
  for (const char* bad : {"nan", "inf"}) EXPECT_EQ(svg.find(bad), std::string::npos) << svg;
}

TEST(SvgChartTest, AnEmptyChartAndOneOfASinglePointAreCharts) {
  for (const bool logarithmic : {false, true}) {
    SvgChart chart("c", {.label = "x", .logarithmic = logarithmic},
                   {.label = "y", .logarithmic = logarithmic});
    EXPECT_TRUE(TagsAreBalanced(chart.ToSvg()));
    chart.AddLine("one", {{5, 5}});
    EXPECT_TRUE(TagsAreBalanced(chart.ToSvg()));
    EXPECT_EQ(chart.ToSvg().find("nan"), std::string::npos) << chart.ToSvg();
  }
}

TEST(SvgChartTest, ExtremeRangesEnd) {
  for (const double high : {1e-300, 1e-9, 1.0, 1e300}) {
    SvgChart chart("c", {.label = "x"}, {.label = "y", .logarithmic = true});
    chart.AddLine("l", {{0, 1e-300}, {high, high}, {high, high}});
    EXPECT_LT(chart.ToSvg().size(), 400000u);
  }
}

TEST(SvgChartTest, LabelsCoverNeitherMarksNorEachOther) {
  SvgChart chart("c", {.label = "x"}, {.label = "y"});
  // The second mark stands where the first one's label would, the last one at the right edge.
  chart.AddMarks("m", {{.at = {0, 0}, .label = {}, .tooltip = {}},
                       {.at = {50, 50}, .label = "first", .tooltip = {}},
                       {.at = {52, 50}, .label = "second", .tooltip = {}},
                       {.at = {100, 100}, .label = "last", .tooltip = {}}});
  const std::string svg = chart.ToSvg();
  EXPECT_NE(svg.find("text-anchor=\"end\" style=\"fill:var(--chart-ink,#222)\">first"),
            std::string::npos)
      << svg;
  EXPECT_NE(svg.find("text-anchor=\"start\" style=\"fill:var(--chart-ink,#222)\">second"),
            std::string::npos)
      << svg;
  EXPECT_NE(svg.find("text-anchor=\"end\" style=\"fill:var(--chart-ink,#222)\">last"),
            std::string::npos)
      << svg;
}

TEST(SvgChartTest, JoinedMarksHaveALine) {
  SvgChart chart("c", {.label = "x"}, {.label = "y"});
  chart.AddMarks("m", {{.at = {1, 1}, .label = {}, .tooltip = {}},
                       {.at = {2, 2}, .label = {}, .tooltip = {}}});
  EXPECT_EQ(Count(chart.ToSvg(), "<path"), 0u);
  chart.AddMarks(
      "n", {{.at = {1, 2}, .label = {}, .tooltip = {}}, {.at = {2, 1}, .label = {}, .tooltip = {}}},
      true);
  EXPECT_EQ(Count(chart.ToSvg(), "<path"), 1u);
  EXPECT_EQ(Count(chart.ToSvg(), "<circle"), 4u);
}

TEST(SvgChartTest, AFileBringsItsPageLightAndDark) {
  SvgChart chart = LogChart();
  const std::string file = chart.ToSvgFile();
  EXPECT_TRUE(TagsAreBalanced(file));
  EXPECT_NE(file.find("@media (prefers-color-scheme:dark)"), std::string::npos);
  EXPECT_LT(file.find("width=\"100%\" height=\"100%\""), file.find("<line")) << "lies below";
  EXPECT_EQ(chart.ToSvg().find("<style>"), std::string::npos);
}

TEST(SvgChartTest, NoTextOfOthersBecomesMarkup) {
  const std::string evil = "</title></svg><script>alert(1)</script>\" onload='x' &\xff";
  SvgChart chart(evil, {.label = evil}, {.label = evil});
  chart.AddLine(evil, {{1, 1}, {2, 2}});
  chart.AddMarks(evil, {{.at = {1, 1}, .label = evil, .tooltip = evil, .low_y = 1, .high_y = 2}});
  HtmlPage page(evil);
  page.AddHeading(evil);
  page.AddParagraph(evil);
  page.AddFacts({{evil, evil}});
  page.AddTable({evil}, {{evil}});
  page.AddChart(chart);
  EXPECT_EQ(page.ToHtml().find("<script"), std::string::npos);
  EXPECT_EQ(page.ToHtml().find("onload='"), std::string::npos);
  EXPECT_TRUE(TagsAreBalanced(chart.ToSvg()));
}

TEST(HtmlPageTest, FetchesNothing) {
  HtmlPage page("t");
  page.AddChart(LogChart());
  std::string html = page.ToHtml();
  // The name of the SVG language is no address that anybody visits.
  const std::string name = "http://www.w3.org/2000/svg";
  html.erase(html.find(name), name.size());
  for (const char* part : {"http:", "https:", "src=", "href=", "url(", "@import", "<script"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(HtmlPageTest, CellsThatBeginLikeANumberStandRight) {
  HtmlPage page("t");
  page.AddTable({"a", "b"}, {{"-1.5 GB/s", "word"}});
  EXPECT_NE(page.ToHtml().find("<td class=\"n\">-1.5 GB/s</td><td>word</td>"), std::string::npos);
}

}  // namespace
}  // namespace altteul::report
