// SPDX-License-Identifier: Apache-2.0

#include "text/template/number_text.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "text/template/code_points.h"

namespace altteul::text::jinja {
namespace {

constexpr int64_t kLeastBase = 2, kMostBase = 36;

std::string_view Stripped(std::string_view text) {
  const ByteRange kept = StripSpaces(text, {});
  return text.substr(kept.begin, kept.end - kept.begin);
}

/// Decimal digits of any script as those of ASCII, the rest as it is. Unicode has them in rows from
/// 0 to 9, of which some are neighbours.
std::string WithAsciiDigits(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = CodePointAt(text, at);
    if (c.value < 0x80 || !IsDigit(c.value)) {
      out += text.substr(at, c.length);
    } else {
      int32_t first = c.value;
      while (IsDigit(first - 1)) --first;
      out.push_back(static_cast<char>('0' + (c.value - first) % 10));
    }
    at += c.length;
  }
  return out;
}

bool TakeSign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

int64_t BaseOfPrefix(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  switch (text[1] | 0x20) {
    case 'x':
      return 16;
    case 'o':
      return 8;
    case 'b':
      return 2;
    default:
      return 0;
  }
}

int64_t DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = static_cast<char>(c | 0x20);
  return letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : kMostBase;
}

Status TooLarge() {
  return Status(ErrorCode::kInvalidArgument, "int: overflow, integers have 64 bits");
}

}  // namespace

Result<std::optional<Value>> ReadInteger(std::string_view text, int64_t base) {
  const std::optional<Value> none;
  if (base != 0 && (base < kLeastBase || base > kMostBase)) return none;
  const std::string ascii = WithAsciiDigits(Stripped(text));
  text = ascii;
  const bool negative = TakeSign(text);
  const int64_t prefix = BaseOfPrefix(text);
  bool after_digit = false;  // "_" may stand there
  if (prefix != 0 && (base == 0 || base == prefix)) {
    text.remove_prefix(2);
    base = prefix;
    after_digit = true;  // "0x_1" is fine
  } else if (base == 0) {
    // Without a prefix, "010" could be meant as octal, so Python refuses it.
    const bool is_zero = text.find_first_not_of("0_") == std::string_view::npos;
    if (text.starts_with('0') && !is_zero) return none;
    base = 10;
  }
  int64_t value = 0;
  bool overflow = false;
  bool any = false;
  for (const char c : text) {
    if (c == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int64_t digit = DigitValue(c);
    if (digit >= base) return none;
    any = after_digit = true;
    // Counted downwards: the least integer has no positive counterpart.
    overflow = overflow || __builtin_mul_overflow(value, base, &value) ||
               __builtin_sub_overflow(value, digit, &value);
  }
  if (!any || !after_digit) return none;
  if (!negative && value == std::numeric_limits<int64_t>::min()) overflow = true;
  if (overflow) return TooLarge();
  return std::optional(Value(negative ? value : -value));
}

std::optional<double> ReadFloat(std::string_view text) {
  const std::string ascii = WithAsciiDigits(Stripped(text));
  text = ascii;
  const bool negative = TakeSign(text);
  std::string digits;
  const auto is_digit = [&](size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '_') {
      digits.push_back(text[at]);
    } else if (at == 0 || !is_digit(at - 1) || !is_digit(at + 1)) {
      return std::nullopt;
    }
  }
  // from_chars takes a second sign and "nan(...)".
  if (digits.empty() || digits[0] == '-' || digits.back() == ')') return std::nullopt;
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ptr != end) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) {
    value = std::strtod(digits.c_str(), nullptr);  // infinity or zero, as Python has it
  } else if (read.ec != std::errc()) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

Result<std::optional<Value>> Truncate(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (value < -kLimit || value >= kLimit) return TooLarge();
  return std::optional(Value(static_cast<int64_t>(value)));
}

}  // namespace altteul::text::jinja
