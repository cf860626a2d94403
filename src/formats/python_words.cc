// SPDX-License-Identifier: Apache-2.0

#include "formats/python_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

namespace altteul::formats {
namespace {

constexpr size_t kUnitBytes = 6;  // \uXXXX
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether this is a number as JSON writes it, and beyond what 64-bit floats hold.
bool IsTooLarge(std::string_view token) {
  size_t at = token.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
    return at - begin;
  };
  const size_t whole = at;
  if (digits() == 0 || (token[whole] == '0' && at > whole + 1)) return false;
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == token.size() && std::isinf(std::strtod(std::string(token).c_str(), nullptr));
}

struct Literal {
  std::string_view word, number;
  double value;
};

bool IsBorder(char c) {
  return std::string_view("[]{},: \t\r\n").find(c) != std::string_view::npos;
}

/// The 16 bits of \uXXXX at this place, or nothing.
std::optional<unsigned> Unit(std::string_view text, size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() < at + kUnitBytes) return std::nullopt;
  unsigned unit = 0;
  const char* end = text.data() + at + kUnitBytes;
  const auto read = std::from_chars(end - 4, end, unit, 16);
  return read.ec == std::errc() && read.ptr == end ? std::optional(unit) : std::nullopt;
}

}  // namespace

PythonsWords::PythonsWords(std::string_view text) : copy_(text) {
  bool in_text = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (in_text && text[at] == '\\') {
      at += PassEscape(text, at) - 1;
    } else if (text[at] == '"') {
      in_text = !in_text;
    } else if (!in_text && (at == 0 || IsBorder(text[at - 1]))) {
      ReplaceLiteral(text, at);
      ReplaceNumber(text, at);
    }
  }
}

std::string PythonsWords::WithNulls() const {
  std::string with_nulls;
  size_t done = 0;
  for (const Found& each : found_) {
    with_nulls.append(copy_, done, each.begin - done);
    with_nulls += "null";
    done = each.end;
  }
  return with_nulls.append(copy_, done, copy_.npos);
}

const double* PythonsWords::Meant(size_t reached) const {
  const auto found =
      std::lower_bound(found_.begin(), found_.end(), reached,
                       [](const Found& each, size_t at) { return each.end + 1 < at; });
  if (found != found_.end() && found->end <= reached) return &found->value;
  return nullptr;
}

void PythonsWords::Replace(size_t at, std::string_view number, double value) {
  copy_.replace(at, number.size(), number);
  found_.push_back({at, at + number.size(), value});
}

void PythonsWords::ReplaceLiteral(std::string_view text, size_t at) {
  constexpr std::array kLiterals = {Literal{"NaN", "1e0", std::numeric_limits<double>::quiet_NaN()},
                                    Literal{"Infinity", "1.0000e0", kInfinity},
                                    Literal{"-Infinity", "-1.0000e0", -kInfinity}};
  for (const Literal& literal : kLiterals) {
    const size_t end = at + literal.word.size();
    if (text.substr(at, literal.word.size()) != literal.word) continue;
    if (end < text.size() && !IsBorder(text[end])) continue;
    Replace(at, literal.number, literal.value);
  }
}

void PythonsWords::ReplaceNumber(std::string_view text, size_t at) {
  const size_t end = std::min(text.find_first_not_of("+-.eE0123456789", at), text.size());
  const std::string_view token = text.substr(at, end - at);
  constexpr size_t kShortest = 5;  // 1e309, 9e308
  if (token.size() < kShortest || !IsTooLarge(token)) return;
  const bool negative = token[0] == '-';
  std::string number(negative ? "-1." : "1.");
  number.append(token.size() - number.size() - 2, '0');
  Replace(at, number + "e0", negative ? -kInfinity : kInfinity);
}

size_t PythonsWords::PassEscape(std::string_view text, size_t at) {
  const std::optional<unsigned> unit = Unit(text, at);
  if (!unit) return 2;
  if (*unit < 0xD800 || *unit > 0xDFFF) return kUnitBytes;
  const std::optional<unsigned> next = Unit(text, at + kUnitBytes);
  if (*unit < 0xDC00 && next && *next >= 0xDC00 && *next <= 0xDFFF) return 2 * kUnitBytes;
  copy_.replace(at, kUnitBytes, "\\ufffd");
  has_halves_ = true;
  return kUnitBytes;
}

std::string PythonLiteralsAsNull(const std::string& text) {
  const PythonsWords words(text);
  return words.any() ? words.WithNulls() : text;
}

}  // namespace altteul::formats
