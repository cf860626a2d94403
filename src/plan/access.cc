// SPDX-License-Identifier: Apache-2.0

#include "plan/access.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/ascii.h"
#include "base/human_units.h"
#include "formats/quote.h"
#include "plan/chips.h"

namespace altteul::plan {
namespace {

using formats::Quote;

constexpr double kMostChips = 1e6;   // several times the largest cluster there is
constexpr double kMostMoney = 1e12;  // [USD]
constexpr size_t kLongestText = 4096;
constexpr std::string_view kSpace = " ";  // tabs are no part of what people write here

Status Senseless(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

/// Takes a number off the front: digits, maybe a point; commas between digits group thousands.
std::optional<double> TakeNumber(std::string_view* text) {
  std::string digits;
  size_t length = 0;
  for (; length < text->size(); ++length) {
    const char c = (*text)[length];
    if ((c >= '0' && c <= '9') || c == '.') {
      digits += c;
    } else if (c != '_') {
      break;
    }
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value, std::chars_format::fixed);
  if (digits.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  text->remove_prefix(length);
  return value;
}

Result<std::vector<std::string_view>> SplitAtCommas(std::string_view text, std::string_view what) {
  if (text.size() > kLongestText) {
    return Senseless(std::string(what) + ": " + std::to_string(text.size()) +
                     " bytes of text; at most " + std::to_string(kLongestText));
  }
  std::vector<std::string_view> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.push_back(Trim(text.substr(0, comma), kSpace));
    if (parts.back().empty()) {
      return Senseless(std::string(what) + ": an empty part; say for example " +
                       (what == "--own" ? "\"4x RTX 3090\"" : "\"500 H100-hours/month\""));
    }
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Result<double> TakeCount(std::string_view* part) {
  const std::string_view whole = *part;
  if (part->front() == '-') {
    return Senseless("--own: " + Quote(whole) + ": fewer than no chips cannot be owned");
  }
  std::string_view rest = *part;
  const auto number = TakeNumber(&rest);
  rest = Trim(rest, kSpace);
  const bool is_count = number && (rest.starts_with('x') || rest.starts_with('X') ||
                                   rest.starts_with('*') || rest.starts_with("\xc3\x97"));
  if (!is_count) return 1.0;  // "3090" is a chip's name, and so is "2080 Ti"
  rest.remove_prefix(rest.starts_with("\xc3\x97") ? 2 : 1);
  *part = Trim(rest, kSpace);
  if (*number < 1 || *number > kMostChips || *number != std::floor(*number)) {
    return Senseless("--own: " + Quote(whole) + ": a count is a whole number from 1 to " +
                     FormatCount(static_cast<uint64_t>(kMostChips)));
  }
  if (part->empty()) return Senseless("--own: " + Quote(whole) + ": of which chip?");
  return *number;
}

std::optional<Period> PeriodOf(std::string_view word) {
  constexpr std::pair<std::string_view, Period> kWords[] = {
      {"day", Period::kDay},   {"d", Period::kDay},       {"week", Period::kWeek},
      {"w", Period::kWeek},    {"month", Period::kMonth}, {"mo", Period::kMonth},
      {"year", Period::kYear}, {"y", Period::kYear},      {"yr", Period::kYear},
      {"annum", Period::kYear}};
  for (const auto& [name, period] : kWords) {
    if (word == name) return period;
  }
  return std::nullopt;
}

/// Cuts "/month" or " per month" off the end. Nothing is cut where neither stands there.
Result<std::optional<Period>> CutPeriod(std::string* text, std::string_view what) {
  size_t at = text->rfind('/');
  size_t width = 1;
  if (at == std::string::npos) {
    constexpr std::string_view kPer = " per ";
    at = text->rfind(kPer);
    width = kPer.size();
  }
  if (at == std::string::npos) return std::optional<Period>();
  const std::string word(Trim(std::string_view(*text).substr(at + width), kSpace));
  const auto period = PeriodOf(word);
  if (!period) {
    return Senseless(std::string(what) + ": " + Quote(word) + " is none of day, week, month, year");
  }
  *text = std::string(Trim(std::string_view(*text).substr(0, at), kSpace));
  return period;
}

Result<RentedHours> ParseRentedPart(std::span<const Chip> chips, std::string_view part) {
  constexpr std::string_view kExample = ". Say for example \"500 H100-hours/month\"";
  std::string text = Lower(part);
  ALT_ASSIGN_OR_RETURN(const auto period, CutPeriod(&text, "--rent"));
  if (!period) {
    return Senseless("--rent: " + Quote(part) + ": of which period is not said" +
                     std::string(kExample));
  }
  std::string_view rest = text;
  const auto hours = TakeNumber(&rest);
  if (!hours) {
    return Senseless("--rent: " + Quote(part) + " begins with no number of hours" +
                     std::string(kExample));
  }
  bool has_unit = false;
  for (const std::string_view unit : {"hours", "hour", "hrs", "hr", "h"}) {
    // "h" alone only behind a dash or a blank: names of chips may end with it.
    if (!rest.ends_with(unit) || rest.size() <= unit.size()) continue;
    const char before = rest[rest.size() - unit.size() - 1];
    if (before != '-' && before != ' ') continue;
    rest.remove_suffix(unit.size() + 1);
    has_unit = true;
    break;
  }
  rest = Trim(rest, kSpace);
  if (!has_unit || rest.empty()) {
    return Senseless("--rent: " + Quote(part) + ": hours of which chip is not said" +
                     std::string(kExample));
  }
  const double most = kMostChips * PeriodHours(*period);
  if (!(*hours > 0) || *hours > most) {
    return Senseless("--rent: " + Quote(part) + ": hours are more than 0 and at most " +
                     FormatCount(static_cast<uint64_t>(most)) + " a " +
                     std::string(PeriodName(*period)) + ", a million chips' time");
  }
  ALT_ASSIGN_OR_RETURN(const size_t chip, FindChip(chips, rest));
  return RentedHours{.hours = *hours, .chip = chip, .period = *period};
}

}  // namespace

std::string_view PeriodName(Period period) {
  constexpr std::string_view kNames[] = {"day", "week", "month", "year"};
  return kNames[static_cast<size_t>(period)];
}

double PeriodHours(Period period) {
  constexpr double kYear = 365.25 * 24;
  constexpr double kHours[] = {24, 7 * 24, kYear / 12, kYear};
  return kHours[static_cast<size_t>(period)];
}

Result<std::vector<OwnedChips>> ParseOwned(std::span<const Chip> chips, std::string_view text) {
  ALT_ASSIGN_OR_RETURN(const auto parts, SplitAtCommas(text, "--own"));
  std::vector<OwnedChips> owned;
  for (std::string_view part : parts) {
    ALT_ASSIGN_OR_RETURN(const double count, TakeCount(&part));
    ALT_ASSIGN_OR_RETURN(const size_t chip, FindChip(chips, part));
    owned.push_back({.count = count, .chip = chip});
  }
  return owned;
}

Result<std::vector<RentedHours>> ParseRented(std::span<const Chip> chips, std::string_view text) {
  ALT_ASSIGN_OR_RETURN(const auto parts, SplitAtCommas(text, "--rent"));
  std::vector<RentedHours> rented;
  for (const std::string_view part : parts) {
    ALT_ASSIGN_OR_RETURN(RentedHours hours, ParseRentedPart(chips, part));
    rented.push_back(hours);
  }
  return rented;
}

Result<Budget> ParseBudget(std::string_view given) {
  if (given.size() > kLongestText) return Senseless("--budget: too long a text");
  std::string text = Lower(Trim(given, kSpace));
  ALT_ASSIGN_OR_RETURN(const auto period, CutPeriod(&text, "--budget"));
  std::string_view rest = text;
  const bool dollar = rest.starts_with('$');
  if (dollar) rest.remove_prefix(1);
  const auto usd = TakeNumber(&rest);
  rest = Trim(rest, kSpace);
  const bool is_usd = rest == "usd" || rest == "$" || rest == "dollars" || (dollar && rest.empty());
  if (!usd || !is_usd) {
    return Senseless("--budget: " + Quote(given) +
                     " is no amount in US dollars, such as \"5000usd\" or \"$200/month\"; other "
                     "currencies are not converted, because the tables hold no rates");
  }
  if (!(*usd > 0) || *usd > kMostMoney) {
    return Senseless("--budget: " + Quote(given) + ": an amount is more than 0 and at most " +
                     FormatCount(static_cast<uint64_t>(kMostMoney)) + " USD");
  }
  return Budget{.usd = *usd, .period = period.value_or(Period::kYear)};
}

std::string_view ArithmeticColumn(const Chip& chip) {
  if (chip.int8_tops) return "int8_tops";
  return chip.fp16_tflops ? "fp16_tflops" : "";
}

Equivalents EquivalentsOf(const Chip& chip, const Chip& h100) {
  Equivalents equivalents;
  if (chip.int8_tops && h100.int8_tops) {
    equivalents.arithmetic = *chip.int8_tops / *h100.int8_tops;
  } else if (chip.fp16_tflops && h100.fp16_tflops) {
    equivalents.arithmetic = *chip.fp16_tflops / *h100.fp16_tflops;
  }
  if (chip.memory_gb_s && h100.memory_gb_s) {
    equivalents.bandwidth = *chip.memory_gb_s / *h100.memory_gb_s;
  }
  return equivalents;
}

}  // namespace altteul::plan
