// SPDX-License-Identifier: Apache-2.0

#include "tools/option_values.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>

namespace altteul::tools {
namespace {

std::string Digits(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.12g", value);
  return text;
}

/// "from 1 to 32", "at least 0". A bound that only keeps the arithmetic safe is not worth saying.
std::string Bounds(const std::string& least, const std::string& most, bool most_matters) {
  return most_matters ? "from " + least + " to " + most : "at least " + least;
}

bool IsWhole(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  // The parser that converts afterwards reads 010 as eight.
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<double> ReadReal(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

CLI::Validator WholeNumber(int64_t least, int64_t most, const std::string& meaning) {
  const std::string bounds =
      Bounds(std::to_string(least), std::to_string(most), most < kMostCount) +
      (meaning.empty() ? "" : "; " + meaning);
  const auto check = [=](const std::string& text) -> std::string {
    if (!IsWhole(text)) return text + ": a whole number, " + bounds;
    int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool too_long = read.ec == std::errc::result_out_of_range;
    if (!too_long && value >= least && value <= most) return "";
    const bool above = too_long ? text.front() != '-' : value > most;
    if (above && most >= kMostCount) return text + ": at most " + std::to_string(most);
    return text + ": " + bounds;
  };
  return {check, Bounds(std::to_string(least), std::to_string(most), most < kMostCount)};
}

CLI::Validator RealNumber(double least, double most) {
  const std::string bounds = Bounds(Digits(least), Digits(most), true);
  const auto check = [=](const std::string& text) -> std::string {
    const std::optional<double> value = ReadReal(text);
    if (!value) return text + ": a number " + bounds;
    return *value >= least && *value <= most ? "" : text + ": " + bounds;
  };
  return {check, bounds};
}

CLI::Validator AboveZero() {
  const auto check = [](const std::string& text) -> std::string {
    const std::optional<double> value = ReadReal(text);
    return value && *value > 0 ? "" : text + ": a number above 0";
  };
  return {check, "above 0"};
}

CLI::Validator NotEmpty() {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? "is empty" : "";
  };
  return {check, ""};
}

}  // namespace altteul::tools
