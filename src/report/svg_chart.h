// SPDX-License-Identifier: Apache-2.0

// A chart as one SVG element: two axes, linear or logarithmic, lines and marks with names. Colours
// come from CSS variables (--chart-0 ... and --chart-ink, --chart-grid) with values of their own,
// so that a page can turn it dark and the element alone is readable too.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace altteul::report {

struct ChartAxis {
  std::string label;
  bool logarithmic = false;
};

struct ChartPoint {
  double x = 0;
  double y = 0;
};

struct ChartMark {
  ChartPoint at;
  std::string label;    ///< beside the mark; may be empty
  std::string tooltip;  ///< may be empty
  double low_y = 0;     ///< a bar from here to high_y when they differ
  double high_y = 0;
};

class SvgChart {
 public:
  /// @param title  read out in place of the picture
  SvgChart(std::string title, ChartAxis x, ChartAxis y);

  /// Lines and groups of marks take the next colour each. Points that have no place (not finite; 0
  /// or less on a logarithmic axis) are left out.
  void AddLine(std::string label, const std::vector<ChartPoint>& points);
  /// @param is_joined  a line goes through the marks
  void AddMarks(std::string label, std::vector<ChartMark> marks, bool is_joined = false);

  /// Axes reach from the smallest to the largest value, rounded outwards to a tick. Well-formed XML
  /// whatever the texts hold.
  std::string ToSvg() const;

  /// The same for a file of its own: with a page behind it, both light or dark as the reader's are.
  std::string ToSvgFile() const;

 private:
  struct Series {
    std::string label;
    std::vector<ChartMark> marks;
    bool has_line = false;
    bool has_marks = false;
  };

  /// @param head  markup below everything that is drawn
  std::string Draw(std::string_view head) const;

  std::string title_;
  ChartAxis x_, y_;
  std::vector<Series> series_;
};

}  // namespace altteul::report
