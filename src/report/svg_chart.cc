// SPDX-License-Identifier: Apache-2.0

#include "report/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string_view>

#include "report/escape.h"

namespace altteul::report {
namespace {

// [pixels]; the element scales to the width it is given.
constexpr double kWidth = 760, kHeight = 460;
constexpr double kLeft = 70, kRight = 20, kTop = 16, kBottom = 52;
constexpr double kLegendRow = 18;

// Readable on white and on black, and apart for most colour-blind eyes (Okabe and Ito 2008).
constexpr std::array<std::string_view, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                      "#e69f00", "#56b4e9", "#8a8a8a"};
constexpr std::string_view kInk = "var(--chart-ink,#222)";
constexpr std::string_view kGrid = "var(--chart-grid,#ccc)";

std::string Colour(size_t index) {
  const size_t which = index % kColours.size();
  return "var(--chart-" + std::to_string(which) + "," + std::string(kColours[which]) + ")";
}

std::string Number(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string Pixel(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

bool HasPlace(double value, const ChartAxis& axis) {
  return std::isfinite(value) && (!axis.logarithmic || value > 0.0);
}

/// Where a value lies between the ends of an axis, in pixels.
class Scale {
 public:
  Scale(const ChartAxis& axis, double low, double high, double from, double to)
      : logarithmic_(axis.logarithmic), from_(from), to_(to) {
    if (low > high) low = high = 1.0;  // no value at all
    if (logarithmic_) {
      low_ = std::floor(std::log10(low) + 1e-9);
      high_ = std::max(std::ceil(std::log10(high) - 1e-9), low_ + 1.0);
      for (double decade = low_; decade <= high_; ++decade) ticks_.push_back(std::pow(10, decade));
      return;
    }
    step_ = Step(std::max(high - low, std::max(std::fabs(high), 1e-300) * 1e-6));
    low_ = std::floor(low / step_) * step_;
    high_ = std::max(std::ceil(high / step_) * step_, low_ + step_);
    const auto n = static_cast<int>(std::lround((high_ - low_) / step_));
    for (int i = 0; i <= n; ++i) ticks_.push_back(low_ + i * step_);
  }

  double operator()(double value) const {
    const double at = logarithmic_ ? std::log10(value) : value;
    return from_ + (at - low_) / (high_ - low_) * (to_ - from_);
  }
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  /// 1, 2 or 5 times a power of ten, so that there are 4 to 10 steps in the range.
  static double Step(double range) {
    const double power = std::pow(10.0, std::floor(std::log10(range)));
    for (const double factor : {0.1, 0.2, 0.5}) {
      if (range / (power * factor) <= 10.0) return power * factor;
    }
    return power;
  }

  bool logarithmic_;
  double from_, to_;
  double low_ = 0, high_ = 1, step_ = 1;
  std::vector<double> ticks_;
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Include(double value, const ChartAxis& axis) {
    if (!HasPlace(value, axis)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string LineElement(double x1, double y1, double x2, double y2, std::string_view stroke,
                        std::string_view more = "") {
  return "<line x1=\"" + Pixel(x1) + "\" y1=\"" + Pixel(y1) + "\" x2=\"" + Pixel(x2) + "\" y2=\"" +
         Pixel(y2) + "\" style=\"stroke:" + std::string(stroke) + "\"" + std::string(more) + "/>\n";
}

std::string TextElement(double x, double y, std::string_view anchor, const std::string& text,
                        std::string_view more = "") {
  return "<text x=\"" + Pixel(x) + "\" y=\"" + Pixel(y) + "\" text-anchor=\"" +
         std::string(anchor) + "\" style=\"fill:" + std::string(kInk) + "\"" + std::string(more) +
         ">" + EscapeMarkup(text) + "</text>\n";
}

std::string AxesElement(const ChartAxis& x, const ChartAxis& y, const Scale& at_x,
                        const Scale& at_y) {
  const double bottom = kHeight - kBottom;
  std::string out;
  for (const double tick : at_x.ticks()) {
    out += LineElement(at_x(tick), kTop, at_x(tick), bottom, kGrid);
    out += TextElement(at_x(tick), bottom + 16, "middle", Number(tick));
  }
  for (const double tick : at_y.ticks()) {
    out += LineElement(kLeft, at_y(tick), kWidth - kRight, at_y(tick), kGrid);
    out += TextElement(kLeft - 6, at_y(tick) + 4, "end", Number(tick));
  }
  out += TextElement((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", x.label);
  const double middle = (kTop + bottom) / 2;
  out += TextElement(16, middle, "middle", y.label,
                     " transform=\"rotate(-90 16 " + Pixel(middle) + ")\"");
  return out;
}

/// Where labels stand: beside their mark, where they cover no other mark and no other label.
class LabelPlaces {
 public:
  void AddMark(double x, double y) { taken_.push_back({x - 6, y - 6, x + 6, y + 6}); }

  struct Label {
    double x, y;  ///< of the text's anchor, on its base line
    std::string_view anchor;
  };

  Label Find(double x, double y, const std::string& label) {
    constexpr double kLetter = 6.6, kAbove = 9, kBelow = 3;  // of 12 pixels, without serifs
    const double width = kLetter * static_cast<double>(label.size());
    const Label kPlaces[] = {{x + 8, y + 4, "start"},
                             {x - 8, y + 4, "end"},
                             {x, y - 9, "middle"},
                             {x, y + 17, "middle"}};
    for (const Label& place : kPlaces) {
      const double left = place.anchor == "start" ? place.x
                          : place.anchor == "end" ? place.x - width
                                                  : place.x - width / 2;
      const Box box = {left, place.y - kAbove, left + width, place.y + kBelow};
      if (box.left < kLeft || box.right > kWidth - kRight || box.top < 0 || IsTaken(box)) continue;
      taken_.push_back(box);
      return place;
    }
    const bool is_left = x > kWidth - kRight - width - 8;  // at least within the picture
    return kPlaces[is_left ? 1 : 0];
  }

 private:
  struct Box {
    double left, top, right, bottom;
  };

  bool IsTaken(const Box& box) const {
    return std::any_of(taken_.begin(), taken_.end(), [&box](const Box& other) {
      return box.left < other.right && other.left < box.right && box.top < other.bottom &&
             other.top < box.bottom;
    });
  }

  std::vector<Box> taken_;
};

std::string MarkElement(const ChartMark& mark, const Scale& at_x, const Scale& at_y,
                        const ChartAxis& y, const std::string& colour, LabelPlaces* places) {
  const double px = at_x(mark.at.x), py = at_y(mark.at.y);
  std::string out = "<g>";
  if (!mark.tooltip.empty()) out += "<title>" + EscapeMarkup(mark.tooltip) + "</title>";
  if (mark.low_y != mark.high_y && HasPlace(mark.low_y, y) && HasPlace(mark.high_y, y)) {
    out += LineElement(px, at_y(mark.low_y), px, at_y(mark.high_y), colour, " stroke-width=\"2\"");
  }
  out += "<circle cx=\"" + Pixel(px) + "\" cy=\"" + Pixel(py) +
         "\" r=\"5\" style=\"fill:" + colour + "\"/>\n";
  if (!mark.label.empty()) {
    const LabelPlaces::Label label = places->Find(px, py, mark.label);
    out += TextElement(label.x, label.y, label.anchor, mark.label);
  }
  return out + "</g>\n";
}

}  // namespace

SvgChart::SvgChart(std::string title, ChartAxis x, ChartAxis y)
    : title_(std::move(title)), x_(std::move(x)), y_(std::move(y)) {}

void SvgChart::AddLine(std::string label, const std::vector<ChartPoint>& points) {
  Series series{.label = std::move(label), .marks = {}, .has_line = true};
  for (const ChartPoint& point : points) {
    series.marks.push_back({.at = point, .label = {}, .tooltip = {}});
  }
  series_.push_back(std::move(series));
}

void SvgChart::AddMarks(std::string label, std::vector<ChartMark> marks, bool is_joined) {
  series_.push_back({.label = std::move(label),
                     .marks = std::move(marks),
                     .has_line = is_joined,
                     .has_marks = true});
}

std::string SvgChart::ToSvg() const { return Draw(""); }

std::string SvgChart::ToSvgFile() const {
  return Draw(
      "<style>:root{color-scheme:light dark}\n"
      "@media (prefers-color-scheme:dark){:root{--chart-ink:#ddd;--chart-grid:#444;"
      "--chart-page:#16181c;--chart-0:#56b4e9;--chart-1:#ff8c42;--chart-2:#2fc79a;"
      "--chart-5:#9fd3f4}}</style>\n"
      "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--chart-page,#fff)\"/>\n");
}

std::string SvgChart::Draw(std::string_view head) const {
  const auto has_place = [this](const ChartMark& mark) {
    return HasPlace(mark.at.x, x_) && HasPlace(mark.at.y, y_);
  };
  Range x_range, y_range;
  for (const Series& series : series_) {
    for (const ChartMark& mark : series.marks) {
      if (!has_place(mark)) continue;
      x_range.Include(mark.at.x, x_);
      y_range.Include(mark.at.y, y_);
      if (mark.low_y == mark.high_y) continue;
      y_range.Include(mark.low_y, y_);
      y_range.Include(mark.high_y, y_);
    }
  }
  const Scale at_x(x_, x_range.low, x_range.high, kLeft, kWidth - kRight);
  const Scale at_y(y_, y_range.low, y_range.high, kHeight - kBottom, kTop);
  const double height = kHeight + kLegendRow * static_cast<double>(series_.size());

  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Pixel(kWidth) + " " +
      Pixel(height) + "\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>" +
      EscapeMarkup(title_) + "</title>\n" + std::string(head) + AxesElement(x_, y_, at_x, at_y);
  LabelPlaces places;
  for (const Series& series : series_) {
    for (const ChartMark& mark : series.marks) {
      if (series.has_marks && has_place(mark)) places.AddMark(at_x(mark.at.x), at_y(mark.at.y));
    }
  }
  for (size_t i = 0; i < series_.size(); ++i) {
    const Series& series = series_[i];
    std::string path;
    for (const ChartMark& mark : series.marks) {
      if (!has_place(mark)) continue;
      if (series.has_line) {
        path += (path.empty() ? "M" : " L") + Pixel(at_x(mark.at.x)) + " " + Pixel(at_y(mark.at.y));
      }
      if (series.has_marks) out += MarkElement(mark, at_x, at_y, y_, Colour(i), &places);
    }
    if (!path.empty()) {
      out += "<path d=\"" + path +
             "\" fill=\"none\" stroke-width=\"2\" style=\"stroke:" + Colour(i) + "\"/>\n";
    }
    const double row = kHeight + kLegendRow * static_cast<double>(i);
    out += "<rect x=\"" + Pixel(kLeft) + "\" y=\"" + Pixel(row) +
           "\" width=\"14\" height=\"10\" style=\"fill:" + Colour(i) + "\"/>\n";
    out += TextElement(kLeft + 20, row + 9, "start", series.label);
  }
  return out + "</svg>\n";
}

}  // namespace altteul::report
