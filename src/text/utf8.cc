// SPDX-License-Identifier: Apache-2.0

#include "text/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace altteul::text {
namespace {

/// utf8proc_iterate: > 0 is the length of a well-formed character, no surrogates, no long forms.
utf8proc_ssize_t Iterate(std::string_view bytes, utf8proc_int32_t* code_point) {
  if (bytes.empty()) return 0;
  const auto limit = static_cast<utf8proc_ssize_t>(std::min<size_t>(bytes.size(), 4));
  return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()), limit,
                          code_point);
}

/// Could `bytes`, a lead byte and fewer continuations than it asks for, still become a character?
/// The second byte's ranges keep out long forms, surrogates and code points above U+10FFFF
/// (Unicode 15, table 3-7).
bool IsPrefixOfCharacter(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = at(0);
  if (lead < 0xC2 || lead > 0xF4) return false;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes.size() >= length) return false;
  for (size_t i = 1; i < bytes.size(); ++i) {
    if ((at(i) & 0xC0) != 0x80) return false;
  }
  if (bytes.size() < 2) return true;
  const uint8_t second = at(1);
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xED) return second < 0xA0;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second < 0x90;
  return true;
}

utf8proc_option_t Options(NormalForm form) {
  int options = UTF8PROC_STABLE;
  options |=
      form == NormalForm::kNfc || form == NormalForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

}  // namespace

size_t CharacterLength(std::string_view bytes) {
  utf8proc_int32_t code_point = 0;
  const utf8proc_ssize_t length = Iterate(bytes, &code_point);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

char32_t CodePointAt(std::string_view bytes) {
  utf8proc_int32_t code_point = 0;
  ALT_CHECK(Iterate(bytes, &code_point) > 0);
  return static_cast<char32_t>(code_point);
}

size_t ValidPrefixLength(std::string_view bytes) {
  size_t end = 0;
  while (end < bytes.size()) {
    if (static_cast<uint8_t>(bytes[end]) < 0x80) {
      ++end;
      continue;
    }
    const size_t length = CharacterLength(bytes.substr(end));
    if (length == 0) break;
    end += length;
  }
  return end;
}

size_t IncompleteTailLength(std::string_view bytes) {
  for (size_t length = 1; length <= std::min<size_t>(bytes.size(), 3); ++length) {
    const std::string_view tail = bytes.substr(bytes.size() - length);
    if ((static_cast<uint8_t>(tail[0]) & 0xC0) == 0x80) continue;  // not yet at the lead byte
    return IsPrefixOfCharacter(tail) ? length : 0;
  }
  return 0;
}

size_t LastCharacterLength(std::string_view bytes) {
  for (size_t length = 1; length <= std::min<size_t>(bytes.size(), 4); ++length) {
    if (CharacterLength(bytes.substr(bytes.size() - length)) == length) return length;
  }
  return 0;
}

bool IsWhitespace(char32_t code_point) {
  if (code_point < 0x80) return code_point == 0x20 || (code_point >= 9 && code_point <= 13);
  if (code_point == 0x85) return true;  // a control character to the category, a space to Unicode
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool IsWordCharacter(char32_t code_point) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

bool IsDecimalDigit(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point)) == UTF8PROC_CATEGORY_ND;
}

bool IsNumber(char32_t code_point) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

Result<std::string> NormalizeUnicode(std::string_view text, NormalForm form) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, ValidPrefixLength(text));
    if (!valid.empty()) {
      utf8proc_uint8_t* mapped = nullptr;
      const utf8proc_ssize_t length =
          utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                       static_cast<utf8proc_ssize_t>(valid.size()), &mapped, Options(form));
      const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
      if (length < 0) {
        return Status(ErrorCode::kOutOfMemory, "Unicode normalization of " +
                                                   std::to_string(valid.size()) +
                                                   " bytes: " + utf8proc_errmsg(length));
      }
      result.append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
      text.remove_prefix(valid.size());
    }
    while (!text.empty() && CharacterLength(text) == 0) {
      result.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return result;
}

}  // namespace altteul::text
