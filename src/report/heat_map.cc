// SPDX-License-Identifier: Apache-2.0

#include "report/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "report/escape.h"

namespace altteul::report {
namespace {

// [pixels]; the element scales to the width it is given.
constexpr double kWidth = 760, kLeft = 120, kRight = 4, kTop = 22, kLegend = 56;
constexpr double kWideCell = 46, kNarrowCell = 11;  // words fit across, or upright
constexpr double kLowRow = 22, kHighRow = 50;

std::string Pixel(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string Fraction(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

std::string Short(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.2g", value);
  return text.data();
}

bool HasColour(double value) { return std::isfinite(value) && value > 0; }

/// Values to strengths from 0 to 1, by their logarithms.
class Strength {
 public:
  explicit Strength(const std::vector<HeatMap::Cell>& cells) {
    for (const HeatMap::Cell& cell : cells) {
      if (!HasColour(cell.value)) continue;
      low_ = std::min(low_, cell.value);
      high_ = std::max(high_, cell.value);
    }
  }
  bool empty() const { return low_ > high_; }
  double low() const { return low_; }
  double high() const { return high_; }
  double operator()(double value) const {
    if (!HasColour(value)) return 0;
    return high_ > low_ ? std::log(value / low_) / std::log(high_ / low_) : 1.0;
  }

 private:
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = 0;
};

// The weakest is still seen, and on the strongest a word can be read.
double Opacity(double strength) { return 0.06 + 0.84 * strength; }

std::string Box(double x, double y, double width, double height, double opacity) {
  return "<rect x=\"" + Pixel(x) + "\" y=\"" + Pixel(y) + "\" width=\"" + Pixel(width) +
         "\" height=\"" + Pixel(height) +
         "\" style=\"fill:var(--chart-heat,#d55e00);stroke:var(--chart-grid,#ccc)\""
         " fill-opacity=\"" +
         Fraction(opacity) + "\" stroke-width=\"0.5\"/>";
}

std::string Text(double x, double y, const char* anchor, const std::string& text,
                 const std::string& more = "") {
  return "<text x=\"" + Pixel(x) + "\" y=\"" + Pixel(y) + "\" text-anchor=\"" + anchor +
         "\" style=\"fill:var(--chart-ink,#222)\"" + more + ">" + EscapeMarkup(text) + "</text>";
}

}  // namespace

HeatMap::HeatMap(std::string title, std::string column_label, std::string value_label)
    : title_(std::move(title)),
      column_label_(std::move(column_label)),
      value_label_(std::move(value_label)) {}

void HeatMap::Add(Cell cell) {
  if (std::find(rows_.begin(), rows_.end(), cell.row) == rows_.end()) rows_.push_back(cell.row);
  cells_.push_back(std::move(cell));
}

std::string HeatMap::ToSvg() const {
  size_t n_columns = 1;
  for (const Cell& cell : cells_) n_columns = std::max(n_columns, cell.column + 1);
  const double width = (kWidth - kLeft - kRight) / static_cast<double>(n_columns);
  const bool upright = width < kWideCell;
  const double height = upright && width >= kNarrowCell ? kHighRow : kLowRow;
  const double bottom = kTop + height * static_cast<double>(rows_.size());
  const Strength strength(cells_);

  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Pixel(kWidth) +
                    " " + Pixel(bottom + kLegend) +
                    "\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\">\n<title>" +
                    EscapeMarkup(title_) + "</title>\n" +
                    Text(kLeft - 8, kTop - 8, "end", column_label_) + "\n";
  const size_t step = static_cast<size_t>(std::ceil(16 / width));  // room for three digits
  for (size_t column = 0; column < n_columns; column += step) {
    out += Text(kLeft + (static_cast<double>(column) + 0.5) * width, kTop - 8, "middle",
                std::to_string(column)) +
           "\n";
  }
  for (size_t row = 0; row < rows_.size(); ++row) {
    const double middle = kTop + height * (static_cast<double>(row) + 0.5);
    out += Text(kLeft - 8, middle + 4, "end", rows_[row]) + "\n";
  }
  for (const Cell& cell : cells_) {
    const auto row = std::find(rows_.begin(), rows_.end(), cell.row) - rows_.begin();
    const double x = cell.whole_row ? kLeft : kLeft + static_cast<double>(cell.column) * width;
    const double y = kTop + height * static_cast<double>(row);
    const double w = cell.whole_row ? kWidth - kLeft - kRight : width;
    out += "<g><title>" + EscapeMarkup(cell.tooltip) + "</title>" +
           Box(x, y, w, height, HasColour(cell.value) ? Opacity(strength(cell.value)) : 0);
    const double mx = x + w / 2, my = y + height / 2;
    if (w >= kWideCell) {
      out += Text(mx, my + 4, "middle", cell.text);
    } else if (w >= kNarrowCell) {
      out += Text(
          mx + 3, my, "middle", cell.text,
          " font-size=\"9\" transform=\"rotate(-90 " + Pixel(mx + 3) + " " + Pixel(my) + ")\"");
    }
    out += "</g>\n";
  }
  if (!strength.empty()) {
    constexpr int kSteps = 10;
    constexpr double kStep = 20;
    for (int i = 0; i <= kSteps; ++i) {
      out += Box(kLeft + i * kStep, bottom + 12, kStep, 12, Opacity(double(i) / kSteps)) + "\n";
    }
    const double right = kLeft + (kSteps + 1) * kStep;
    out += Text(kLeft, bottom + 38, "start", Short(strength.low())) + "\n" +
           Text(right, bottom + 38, "end", Short(strength.high())) + "\n" +
           Text(right + 10, bottom + 22, "start", value_label_) + "\n";
  }
  return out + "</svg>\n";
}

}  // namespace altteul::report
