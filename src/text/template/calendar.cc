// SPDX-License-Identifier: Apache-2.0

#include "text/template/calendar.h"

#include <algorithm>
#include <cstdio>

namespace altteul::text::jinja {
namespace {

constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};

struct Moment {
  int64_t year;
  int month, day;  // from 1
  int hour, minute, second;
  int weekday;      // 0: Sunday
  int day_of_year;  // from 1
};

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

bool IsLeap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// Days from 1970-01-01 to a date by counting 400-year eras from 0000-03-01 (H. Hinnant,
// "chrono-compatible low-level date algorithms").
Moment MomentAt(int64_t local_seconds) {
  const int64_t days = FloorDivide(local_seconds, 86400);
  const int rest = static_cast<int>(local_seconds - days * 86400);
  const int64_t shifted = days + 719468;
  const int64_t era = FloorDivide(shifted, 146097);
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int month_from_march = static_cast<int>((5 * from_march + 2) / 153);
  Moment moment{};
  moment.day = static_cast<int>(from_march) - (153 * month_from_march + 2) / 5 + 1;
  moment.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  moment.year = year_of_era + era * 400 + (moment.month <= 2 ? 1 : 0);
  moment.hour = rest / 3600;
  moment.minute = rest / 60 % 60;
  moment.second = rest % 60;
  moment.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  constexpr int kDaysBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  moment.day_of_year = kDaysBefore[moment.month - 1] + moment.day +
                       (moment.month > 2 && IsLeap(moment.year) ? 1 : 0);
  return moment;
}

std::string Digits(int64_t value, int width) {
  char text[24];
  std::snprintf(text, sizeof(text), "%0*lld", width, static_cast<long long>(value));
  return text;
}

// One directive without padding choices; "" for an unknown one.
std::string Directive(char letter, const Moment& m, int64_t unix_seconds, bool padded) {
  const int two = padded ? 2 : 1;
  const int hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
  switch (letter) {
    case 'Y':
      return std::to_string(m.year);
    case 'y':
      return Digits(m.year % 100, two);
    case 'm':
      return Digits(m.month, two);
    case 'd':
      return Digits(m.day, two);
    case 'H':
      return Digits(m.hour, two);
    case 'I':
      return Digits(hour12, two);
    case 'M':
      return Digits(m.minute, two);
    case 'S':
      return Digits(m.second, two);
    case 'j':
      return Digits(m.day_of_year, padded ? 3 : 1);
    case 'e':
      return m.day < 10 && padded ? " " + std::to_string(m.day) : std::to_string(m.day);
    case 'f':
      return "000000";
    case 'B':
      return kMonths[m.month - 1];
    case 'b':
    case 'h':
      return std::string(kMonths[m.month - 1]).substr(0, 3);
    case 'A':
      return kDays[m.weekday];
    case 'a':
      return std::string(kDays[m.weekday]).substr(0, 3);
    case 'p':
      return m.hour < 12 ? "AM" : "PM";
    case 'w':
      return std::to_string(m.weekday);
    case 'u':
      return std::to_string(m.weekday == 0 ? 7 : m.weekday);
    case 's':
      return std::to_string(unix_seconds);
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      return "";
  }
}

std::string_view Composite(char letter) {
  switch (letter) {
    case 'F':
      return "%Y-%m-%d";
    case 'T':
    case 'X':
      return "%H:%M:%S";
    case 'R':
      return "%H:%M";
    case 'D':
    case 'x':
      return "%m/%d/%y";
    case 'c':
      return "%a %b %e %H:%M:%S %Y";
    case 'r':
      return "%I:%M:%S %p";
    default:
      return "";
  }
}

}  // namespace

Result<std::string> FormatTime(std::string_view format, const Now& now) {
  constexpr int64_t kYear1 = -62135596800;
  constexpr int64_t kYear10000 = 253402300800;
  constexpr int64_t kDay = 86400;  // no zone is further from UTC, so the sum below cannot wrap
  const int64_t local_seconds = std::clamp(now.unix_seconds, kYear1 - kDay, kYear10000 + kDay) +
                                std::clamp(now.utc_offset_seconds, -kDay, kDay);
  if (local_seconds < kYear1 || local_seconds >= kYear10000) {
    return Status(ErrorCode::kInvalidArgument, "the time " + std::to_string(now.unix_seconds) +
                                                   " is not in the years 1 to 9999");
  }
  const Moment moment = MomentAt(local_seconds);
  std::string out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%' || at + 1 == format.size()) {
      out.push_back(format[at]);
      continue;
    }
    char letter = format[++at];
    const bool padded = letter != '-';
    if (!padded && at + 1 < format.size()) letter = format[++at];
    if (letter == 'Z' || letter == 'z') continue;  // a time without a zone, as datetime.now() is
    const std::string_view composite = Composite(letter);
    if (!composite.empty()) {
      ALT_ASSIGN_OR_RETURN(const std::string text, FormatTime(composite, now));
      out += text;
      continue;
    }
    const std::string text = Directive(letter, moment, now.unix_seconds, padded);
    if (text.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "strftime_now: the directive %" + std::string(1, letter) + " is not supported");
    }
    out += text;
  }
  return out;
}

}  // namespace altteul::text::jinja
