// SPDX-License-Identifier: Apache-2.0

#include "plan/figure.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "base/human_units.h"

namespace altteul::plan {

std::string Exact(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

std::string SourceOf(const Origin& origin) {
  return origin.source + ", " + origin.date + ", " + origin.license + ", " +
         std::string(ConfidenceName(origin.confidence));
}

std::string CellName(const Origin& origin, std::string_view column) {
  return std::string(TableFile(origin.table)) + ":" + std::to_string(origin.line) + "." +
         std::string(column);
}

Figure Cell(double value, const Origin& origin, std::string_view column) {
  return {.value = value, .trace = "cell " + CellName(origin, column), .source = SourceOf(origin)};
}

std::optional<Figure> Cell(const std::optional<double>& value, const Origin& origin,
                           std::string_view column) {
  if (!value) return std::nullopt;
  return Cell(*value, origin, column);
}

Figure Computed(double value, const std::string& from, const std::string& how,
                const Origin& origin) {
  return {
      .value = value, .trace = "computed from " + from + ": " + how, .source = SourceOf(origin)};
}

std::string ShortFigure(double value) {
  constexpr int kDigits = 3;
  if (!std::isfinite(value)) return "–";
  const double size = std::fabs(value);
  if (value == std::floor(value) || size >= 99.95) {
    // Figures are bounded far below 2^63 by what may be asked.
    return (value < 0 ? "-" : "") + FormatCount(static_cast<uint64_t>(std::llround(size)));
  }
  int digits = kDigits - 1;
  for (double edge = 9.995; size >= edge; edge *= 10) --digits;
  for (double edge = 0.9995; size < edge && digits < 12; edge /= 10) ++digits;
  return FormatFixed(value, digits);
}

}  // namespace altteul::plan
