// SPDX-License-Identifier: Apache-2.0

#include "text/template/code_points.h"

#include <utf8proc.h>

namespace altteul::text::jinja {
namespace {

int32_t ValueOf(std::string_view code_point) {
  return code_point.empty() ? -1 : CodePointAt(code_point, 0).value;
}

bool StartsCodePoint(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; }

// Start of the code point that ends at `end`; one byte where the bytes are not UTF-8.
size_t PreviousOffset(std::string_view text, size_t end) {
  size_t begin = end - 1;
  for (size_t back = 1; back <= 4 && back <= end; ++back) {
    if (!StartsCodePoint(text[end - back])) continue;
    begin = end - back;
    break;
  }
  return begin + CodePointAt(text, begin).length == end ? begin : end - 1;
}

template <typename Predicate>
ByteRange StripWhile(std::string_view text, StripSides sides, Predicate strips) {
  ByteRange kept{0, text.size()};
  while (sides.left && kept.begin < kept.end) {
    const size_t length = CodePointAt(text, kept.begin).length;
    if (!strips(text.substr(kept.begin, length))) break;
    kept.begin += length;
  }
  while (sides.right && kept.begin < kept.end) {
    const size_t begin = PreviousOffset(text, kept.end);
    if (!strips(text.substr(begin, kept.end - begin))) break;
    kept.end = begin;
  }
  return kept;
}

}  // namespace

CodePoint CodePointAt(std::string_view text, size_t offset) {
  const uint8_t first = static_cast<uint8_t>(text[offset]);
  if (first < 0x80) return {first, 1};
  utf8proc_int32_t value = -1;
  const auto length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + offset,
                       static_cast<utf8proc_ssize_t>(text.size() - offset), &value);
  if (length <= 0) return {-1, 1};
  return {value, static_cast<size_t>(length)};
}

size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += CodePointAt(text, at).length) ++count;
  return count;
}

size_t OffsetOfCodePoint(std::string_view text, size_t index) {
  size_t at = 0;
  for (; at < text.size() && index > 0; --index) at += CodePointAt(text, at).length;
  return at;
}

void AppendUtf8(std::string& out, uint32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

bool IsSpace(int32_t c) {
  if (c < 0) return false;
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsPrintable(int32_t c) {
  if (c < 0) return false;
  if (c < 0x80) return c >= 0x20 && c < 0x7F;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool IsDigit(int32_t c) {
  if (c < 0) return false;
  return c < 0x80 ? c >= '0' && c <= '9' : utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

bool IsLetter(int32_t c) {
  if (c < 0) return false;
  const auto category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsUpper(int32_t c) { return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LU; }
bool IsLower(int32_t c) { return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LL; }

std::string ToUpper(std::string_view code_point) {
  const int32_t value = ValueOf(code_point);
  if (value < 0) return std::string(code_point);
  if (value == 0xDF) return "SS";  // the only common letter whose capital is two letters
  std::string out;
  AppendUtf8(out, static_cast<uint32_t>(utf8proc_toupper(value)));
  return out;
}

std::string ToLower(std::string_view code_point) {
  const int32_t value = ValueOf(code_point);
  if (value < 0) return std::string(code_point);
  std::string out;
  AppendUtf8(out, static_cast<uint32_t>(utf8proc_tolower(value)));
  return out;
}

ByteRange StripSpaces(std::string_view text, StripSides sides) {
  return StripWhile(text, sides, [](std::string_view c) { return IsSpace(ValueOf(c)); });
}

ByteRange StripCharacters(std::string_view text, std::string_view characters, StripSides sides) {
  return StripWhile(text, sides, [characters](std::string_view c) {
    return characters.find(c) != std::string_view::npos;
  });
}

}  // namespace altteul::text::jinja
