// SPDX-License-Identifier: Apache-2.0

#include "text/template/calendar.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

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

/// What one letter stands for, before width and padding.
struct Written {
  std::string text;
  int width = 0;   // it is filled to this many characters,
  char pad = '0';  // with these
  bool is_known = true;
};

Written Number(int64_t value, int width, char pad = '0') {
  return {.text = std::to_string(value), .width = width, .pad = pad};
}

Written Text(std::string text) { return {.text = std::move(text), .width = 0, .pad = ' '}; }

/// Weeks that begin on `first` (0: Sunday), counted from the first such day of the year.
int WeekFrom(const Moment& m, int first) {
  return (m.day_of_year + 6 - (m.weekday + 7 - first) % 7) / 7;
}

/// ISO 8601: a week belongs to the year that its Thursday is in.
struct IsoWeek {
  int64_t year;
  int week;
};
IsoWeek IsoWeekOf(const Moment& m) {
  const int thursday = m.day_of_year + 3 - (m.weekday + 6) % 7;
  const int n_days = IsLeap(m.year) ? 366 : 365;
  if (thursday < 1) {
    const int n_before = IsLeap(m.year - 1) ? 366 : 365;
    return {m.year - 1, (thursday + n_before - 1) / 7 + 1};
  }
  if (thursday > n_days) return {m.year + 1, 1};
  return {m.year, (thursday - 1) / 7 + 1};
}

Written ClockDirective(char letter, const Moment& m) {
  const int hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
  switch (letter) {
    case 'H':
      return Number(m.hour, 2);
    case 'k':
      return Number(m.hour, 2, ' ');
    case 'I':
      return Number(hour12, 2);
    case 'l':
      return Number(hour12, 2, ' ');
    case 'M':
      return Number(m.minute, 2);
    case 'S':
      return Number(m.second, 2);
    case 'f':
      return Text("000000");
    case 'p':
      return Text(m.hour < 12 ? "AM" : "PM");
    case 'P':
      return Text(m.hour < 12 ? "am" : "pm");
    default:
      return {.text = "", .is_known = false};
  }
}

Written DateDirective(char letter, const Moment& m) {
  switch (letter) {
    case 'Y':
      return Number(m.year, 1);
    case 'C':
      return Number(m.year / 100, 2);
    case 'y':
      return Number(m.year % 100, 2);
    case 'G':
      return Number(IsoWeekOf(m).year, 1);
    case 'g':
      return Number(IsoWeekOf(m).year % 100, 2);
    case 'V':
      return Number(IsoWeekOf(m).week, 2);
    case 'U':
      return Number(WeekFrom(m, 0), 2);
    case 'W':
      return Number(WeekFrom(m, 1), 2);
    case 'm':
      return Number(m.month, 2);
    case 'd':
      return Number(m.day, 2);
    case 'e':
      return Number(m.day, 2, ' ');
    case 'j':
      return Number(m.day_of_year, 3);
    case 'w':
      return Number(m.weekday, 1);
    case 'u':
      return Number(m.weekday == 0 ? 7 : m.weekday, 1);
    case 'B':
      return Text(kMonths[m.month - 1]);
    case 'b':
    case 'h':
      return Text(std::string(kMonths[m.month - 1]).substr(0, 3));
    case 'A':
      return Text(kDays[m.weekday]);
    case 'a':
      return Text(std::string(kDays[m.weekday]).substr(0, 3));
    default:
      return ClockDirective(letter, m);
  }
}

Written Directive(char letter, const Moment& m, int64_t unix_seconds) {
  switch (letter) {
    case 's':
      return Number(unix_seconds, 1, ' ');
    case 'n':
      return Text("\n");
    case 't':
      return Text("\t");
    case '%':
      return Text("%");
    case 'Z':
    case 'z':
      return Text("");  // a time without a zone, as datetime.now() is
    default:
      return DateDirective(letter, m);
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

/// "%", flags, a width, E or O, a letter, as the C library of Linux reads them; Python hands its
/// formats to it.
struct Field {
  char pad = 0;  // 0: the letter's own; '-': none
  bool upper = false;
  bool swap = false;
  size_t width = 0;
  char letter = 0;
  size_t end = 0;  // behind it
};

Field ReadField(std::string_view format, size_t at) {
  Field field;
  for (; at < format.size(); ++at) {
    const char c = format[at];
    if (c == '_' || c == '-' || c == '0') {
      field.pad = c == '_' ? ' ' : c;
    } else if (c == '^') {
      field.upper = true;
    } else if (c == '#') {
      field.swap = true;
    } else {
      break;
    }
  }
  constexpr size_t kEnough = 10'000;
  for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
    field.width = std::min(field.width * 10 + static_cast<size_t>(format[at] - '0'), kEnough);
  }
  if (at < format.size() && (format[at] == 'E' || format[at] == 'O')) ++at;
  if (at < format.size()) field.letter = format[at++];
  field.end = at;
  return field;
}

void ChangeCase(const Field& field, std::string& text) {
  const bool lower = field.swap && (field.letter == 'p' || field.letter == 'Z');
  const bool upper = (field.upper && field.letter != 'P') ||
                     (field.swap && std::strchr("aAbBh", field.letter) != nullptr);
  for (char& c : text) {
    if (lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!lower && upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
}

}  // namespace

Result<std::string> FormatTime(std::string_view format, const WallTime& now) {
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
  constexpr size_t kMaxWidth = 255;
  std::string out;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out.push_back(format[at++]);
      continue;
    }
    const Field field = ReadField(format, at + 1);
    if (field.width > kMaxWidth) {
      return Status(ErrorCode::kInvalidArgument, "strftime_now: a width above 255");
    }
    Written written;
    if (const std::string_view composite = Composite(field.letter); !composite.empty()) {
      ALT_ASSIGN_OR_RETURN(std::string text, FormatTime(composite, now));
      written = Text(std::move(text));
    } else {
      written = Directive(field.letter, moment, now.unix_seconds);
    }
    if (written.is_known) {
      ChangeCase(field, written.text);
    } else {  // stays as it stands
      written = Text(std::string(format.substr(at, field.end - at)));
    }
    // "-" takes the letter's own padding away; a width beside it fills with spaces.
    const char pad = field.pad == 0 ? written.pad : field.pad == '-' ? ' ' : field.pad;
    const size_t own_width = field.pad == '-' ? 0 : static_cast<size_t>(written.width);
    const size_t width = field.width > 0 ? field.width : own_width;
    if (width > written.text.size()) out.append(width - written.text.size(), pad);
    out += written.text;
    at = field.end;
  }
  return out;
}

}  // namespace altteul::text::jinja
