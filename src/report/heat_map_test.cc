// SPDX-License-Identifier: Apache-2.0

#include "report/heat_map.h"

#include <gtest/gtest.h>

#include <limits>

namespace altteul::report {
namespace {

size_t Count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

HeatMap::Cell CellAt(const std::string& row, size_t column, double value) {
  return {.row = row, .column = column, .value = value, .text = "Q4_K", .tooltip = "tip"};
}

TEST(HeatMapTest, StrengthGrowsWithTheLogarithm) {
  HeatMap map("m", "layer", "KL");
  map.Add(CellAt("a", 0, 1e-4));
  map.Add(CellAt("a", 1, 1e-3));
  map.Add(CellAt("b", 0, 1e-2));
  const std::string svg = map.ToSvg();
  // Weakest 6 %, strongest 90 %, the middle of the decades 48 %; and once more in the scale below.
  for (const char* opacity : {"\"0.060\"", "\"0.480\"", "\"0.900\""}) {
    EXPECT_EQ(Count(svg, opacity), 2u) << opacity << svg;
  }
  EXPECT_NE(svg.find(">0.0001</text>"), std::string::npos);
  EXPECT_NE(svg.find(">0.01</text>"), std::string::npos);
  EXPECT_EQ(Count(svg, ">Q4_K</text>"), 3u);
}

TEST(HeatMapTest, ValuesWithoutALogarithmHaveNoColour) {
  HeatMap map("m", "layer", "KL");
  map.Add(CellAt("a", 0, 0));
  map.Add(CellAt("a", 1, -1));
  map.Add(CellAt("a", 2, std::numeric_limits<double>::quiet_NaN()));
  map.Add(CellAt("a", 3, std::numeric_limits<double>::infinity()));
  const std::string svg = map.ToSvg();
  EXPECT_EQ(Count(svg, "fill-opacity=\"0.000\""), 4u) << svg;
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(HeatMapTest, WordsTurnUprightAndThenLeave) {
  for (const auto& [n_columns, turned, words] :
       {std::tuple{4, 0, 1}, std::tuple{30, 1, 1}, std::tuple{126, 0, 0}}) {
    HeatMap map("m", "layer", "KL");
    map.Add(CellAt("a", static_cast<size_t>(n_columns) - 1, 1));
    const std::string svg = map.ToSvg();
    EXPECT_EQ(Count(svg, "rotate("), static_cast<size_t>(turned)) << n_columns;
    EXPECT_EQ(Count(svg, ">Q4_K</text>"), static_cast<size_t>(words)) << n_columns;
    EXPECT_EQ(Count(svg, "<title>tip</title>"), 1u) << n_columns;
  }
}

TEST(HeatMapTest, ATensorWithoutALayerTakesTheWholeRow) {
  HeatMap map("m", "layer", "KL");
  map.Add(CellAt("a", 99, 1));
  map.Add({.row = "head", .whole_row = true, .value = 1, .text = "Q6_K", .tooltip = {}});
  EXPECT_NE(map.ToSvg().find("width=\"636.0\""), std::string::npos);
  EXPECT_EQ(Count(map.ToSvg(), ">Q6_K</text>"), 1u);
}

TEST(HeatMapTest, HostileTextsAreEscapedAndAnEmptyMapIsWellFormed) {
  HeatMap map("<t>", "<c>", "<v>");
  map.Add({.row = "<r>", .value = 1, .text = "</svg>", .tooltip = "<script>"});
  const std::string svg = map.ToSvg();
  for (const char* bad : {"<t>", "<c>", "<v>", "<r>", "<script"}) {
    EXPECT_EQ(svg.find(bad), std::string::npos) << bad;
  }
  EXPECT_EQ(Count(svg, "</svg>"), 1u);
  EXPECT_EQ(Count(HeatMap("", "", "").ToSvg(), "</svg>"), 1u);
}

}  // namespace
}  // namespace altteul::report
