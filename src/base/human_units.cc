// SPDX-License-Identifier: Apache-2.0

#include "base/human_units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/ascii.h"

namespace altteul {

std::string FormatFixed(double value, int digits) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return std::string(text.data(), length > 0 ? static_cast<size_t>(length) : 0);
}

std::string FormatDuration(double seconds) {
  if (seconds < 99.5) return FormatFixed(seconds, 0) + " s";
  if (seconds < 595) {
    const auto tens = static_cast<int>(std::lround(seconds / 10));
    const std::string minutes = std::to_string(tens / 6) + " min";
    return tens % 6 == 0 ? minutes : minutes + " " + std::to_string(tens % 6) + "0 s";
  }
  if (seconds < 99.5 * 60) return FormatFixed(seconds / 60, 0) + " min";
  return FormatFixed(seconds / 3600, 1) + " h";
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"kB", "MB", "GB", "TB", "PB", "EB"}) {
    if (value < 999.95) break;
    value /= 1000.0;
    unit = next;
  }
  return FormatFixed(value, 1) + " " + unit;
}

std::string FormatCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr std::array<Unit, 8> kUnits = {{{"", 1},
                                           {"b", 1},
                                           {"kb", 1e3},
                                           {"mb", 1e6},
                                           {"gb", 1e9},
                                           {"kib", 1024},
                                           {"mib", 1024.0 * 1024},
                                           {"gib", 1024.0 * 1024 * 1024}}};
  double number = 0;
  const auto end =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (end.ec != std::errc() || !(number >= 0)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  const std::string lower = Lower(text);
  for (const Unit& unit : kUnits) {
    if (lower != unit.name) continue;
    const double bytes = number * unit.bytes;
    if (!(bytes < 0x1p63)) return std::nullopt;
    return static_cast<uint64_t>(bytes);
  }
  return std::nullopt;
}

std::optional<double> ParseCount(std::string_view text) {
  constexpr double kMost = 1e15;
  double count = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), count);
  if (end.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text == "k" || text == "K") {
    count *= 1e3;
  } else if (text == "M") {
    count *= 1e6;
  } else if (text == "G" || text == "B") {
    count *= 1e9;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  if (!(count > 0) || count > kMost) return std::nullopt;
  return count;
}

}  // namespace altteul
