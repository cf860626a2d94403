// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_bars.h"

#include <algorithm>
#include <cmath>

#include "base/human_units.h"
#include "report/escape.h"

namespace altteul::tools {
namespace {

// [pixels]; the element scales to the width it is given.
constexpr double kWidth = 760, kRow = 24, kBarHeight = 15, kNames = 290, kFigures = 90, kTop = 4;
constexpr double kShortest = 0.02;  // of the longest bar: the least is still seen

bool HasBar(double value) { return std::isfinite(value) && value > 0; }

std::string Pixel(double value) { return FormatFixed(value, 1); }

std::string NameAt(const std::string& name, const char* language, double y) {
  return "<text class=\"" + std::string(language) + "\" x=\"" + Pixel(kNames - 8) + "\" y=\"" +
         Pixel(y) + "\" text-anchor=\"end\"><tspan class=\"q\">" + report::EscapeMarkup(name) +
         "</tspan></text>";
}

}  // namespace

std::string SvgBars(const std::string& title, const std::vector<SvgBar>& bars, bool logarithmic) {
  double low = 0, high = 0;
  for (const SvgBar& bar : bars) {
    if (!HasBar(bar.value)) continue;
    low = low == 0 ? bar.value : std::min(low, bar.value);
    high = std::max(high, bar.value);
  }
  const auto length = [&](double value) {
    if (!logarithmic || low == high) return value / high;
    return std::log(value / low) / std::log(high / low);
  };
  const double height = kTop + kRow * static_cast<double>(bars.size());
  std::string svg = "<svg viewBox=\"0 0 " + Pixel(kWidth) + " " + Pixel(height) +
                    "\" role=\"img\" font-size=\"13\" fill=\"var(--ink,#222)\"><title>" +
                    report::EscapeMarkup(title) + "</title>\n";
  double y = kTop;
  for (const SvgBar& bar : bars) {
    const double part =
        HasBar(bar.value) ? std::clamp(length(bar.value), kShortest, 1.0) : kShortest;
    const double width = part * (kWidth - kNames - kFigures);
    const double base = y + kBarHeight - 3;
    svg += NameAt(bar.name, "en", base) + NameAt(bar.other_name, "ko", base);
    svg += "<rect x=\"" + Pixel(kNames) + "\" y=\"" + Pixel(y) + "\" width=\"" + Pixel(width) +
           "\" height=\"" + Pixel(kBarHeight) + "\" fill=\"" +
           (bar.is_marked ? "var(--mine,#d55e00)" : "var(--bar,#0072b2)") + "\"><title>" +
           report::EscapeMarkup(bar.tooltip) + "</title></rect>";
    svg += "<text " + bar.attributes + " x=\"" + Pixel(kNames + width + 6) + "\" y=\"" +
           Pixel(base) + "\">" + report::EscapeMarkup(bar.text) + "</text>\n";
    y += kRow;
  }
  return svg + "</svg>\n";
}

SvgBar BarOf(const plan::Figure& figure, const std::string& name_en, const std::string& name_ko,
             bool mine) {
  return {.name = name_en,
          .other_name = name_ko,
          .value = figure.value,
          .text = plan::ShortFigure(figure.value),
          .attributes = "class=\"f\" data-v=\"" + plan::Exact(figure.value) + "\" data-t=\"" +
                        report::EscapeMarkup(figure.trace) + "\"",
          .tooltip = figure.source,
          .is_marked = mine};
}

}  // namespace altteul::tools
