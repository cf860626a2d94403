// SPDX-License-Identifier: Apache-2.0

#include "plan/row_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/human_units.h"
#include "formats/quote.h"

namespace altteul::plan {
namespace {

constexpr size_t kNumberDigits = 6;  // that a message shows

std::string Short(double value) {
  char text[32];
  const auto end =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::general, kNumberDigits);
  return std::string(text, end.ptr);
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int Digits(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "2026", "2026-05" or "2026-05-07".
bool IsDate(std::string_view text) {
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return false;
  if (!AllDigits(text.substr(0, 4)) || Digits(text.substr(0, 4)) < 1990) return false;
  if (text.size() == 4) return true;
  if (text[4] != '-' || !AllDigits(text.substr(5, 2))) return false;
  const int month = Digits(text.substr(5, 2));
  if (month < 1 || month > 12) return false;
  if (text.size() == 7) return true;
  if (text[7] != '-' || !AllDigits(text.substr(8, 2))) return false;
  const int day = Digits(text.substr(8, 2));
  return day >= 1 && day <= 31;
}

}  // namespace

Status CheckColumns(const formats::CsvTable& table, std::initializer_list<std::string_view> known) {
  for (const std::string_view column : known) {
    if (table.Column(column)) continue;
    return Status(ErrorCode::kCorruptFile,
                  table.name + ": no column " + formats::Quote(column) + " in its first line");
  }
  for (const std::string& column : table.header) {
    if (column.starts_with('_') || std::find(known.begin(), known.end(), column) != known.end()) {
      continue;
    }
    return Status(ErrorCode::kCorruptFile,
                  table.name + ": column " + formats::Quote(column) +
                      " is not known; a name that begins with _ is a note");
  }
  return Status();
}

void RowReader::Complain(std::string_view column, const std::string& what) {
  if (!status_.ok()) return;
  status_ = Status(ErrorCode::kCorruptFile, table_.name + ": line " + std::to_string(row_.line) +
                                                ": column " + std::string(column) + ": " + what);
}

std::string RowReader::Text(std::string_view column) const {
  const auto at = table_.Column(column);
  ALT_CHECK(at.has_value());
  return row_.fields[*at];
}

std::string RowReader::Required(std::string_view column) {
  std::string text = Text(column);
  if (text.find_first_not_of(' ') == std::string::npos) Complain(column, "is empty");
  return text;
}

std::string RowReader::OneOf(std::string_view column,
                             std::initializer_list<std::string_view> allowed) {
  std::string text = Text(column);
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    std::string list;
    for (const std::string_view each : allowed) {
      list += (list.empty() ? "" : ", ") + (each.empty() ? "nothing" : std::string(each));
    }
    Complain(column, formats::Quote(text) + " is none of: " + list);
  }
  return text;
}

std::optional<double> RowReader::Number(std::string_view column, double least, double most) {
  const std::string text = Text(column);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(value)) {
    Complain(column, formats::Quote(text) + " is no number");
    return std::nullopt;
  }
  if (value < least || value > most) {
    Complain(column, Short(value) + " is not between " + Short(least) + " and " + Short(most));
    return std::nullopt;
  }
  return value;
}

double RowReader::RequiredNumber(std::string_view column, double least, double most) {
  const auto value = Number(column, least, most);
  if (!value) Complain(column, "is empty");  // keeps an earlier complaint
  return value.value_or(least);
}

std::string RowReader::Date(std::string_view column, bool may_be_empty) {
  std::string text = Text(column);
  if (!(may_be_empty && text.empty()) && !IsDate(text)) {
    Complain(column, formats::Quote(text) + " is no date: 2026, 2026-05 or 2026-05-07");
  }
  return text;
}

std::string RowReader::Country(std::string_view column) {
  std::string text = Text(column);
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (!text.empty() && (text.size() != 2 || !std::all_of(text.begin(), text.end(), is_capital))) {
    Complain(column, formats::Quote(text) + " is no code of two capital letters");
  }
  return text;
}

Origin RowReader::ReadOrigin(Table table) {
  Origin origin;
  origin.table = table;
  origin.line = row_.line;
  origin.source = Required("source");
  origin.date = Date("date", /*may_be_empty=*/false);
  origin.license = Required("license");
  const std::string confidence = OneOf("confidence", {"low", "medium", "high"});
  origin.confidence = confidence == "high"     ? Confidence::kHigh
                      : confidence == "medium" ? Confidence::kMedium
                                               : Confidence::kLow;
  return origin;
}

}  // namespace altteul::plan
