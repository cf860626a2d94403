// SPDX-License-Identifier: Apache-2.0

// Strings as Python sees them: sequences of code points, with Python's idea of space and case.
//
// A byte that is not part of valid UTF-8 counts as one code point of its own, so that any bytes can
// be walked over and come out unchanged.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace altteul::text::jinja {

struct CodePoint {
  int32_t value = -1;  ///< -1: a byte outside of UTF-8
  size_t length = 1;   ///< [bytes]
};

/// @pre offset < text.size()
CodePoint CodePointAt(std::string_view text, size_t offset);
size_t CountCodePoints(std::string_view text);
/// Byte offset of code point `index`, text.size() when there are fewer.
size_t OffsetOfCodePoint(std::string_view text, size_t index);
void AppendUtf8(std::string& out, uint32_t code_point);

bool IsSpace(int32_t code_point);      ///< str.isspace
bool IsPrintable(int32_t code_point);  ///< repr() shows it as it is
bool IsDigit(int32_t code_point);      ///< str.isdigit, decimal digits only
bool IsLetter(int32_t code_point);     ///< str.isalpha
bool IsUpper(int32_t code_point);
bool IsLower(int32_t code_point);

/// Case of one code point as UTF-8; more than one code point only for the sharp s.
std::string ToUpper(std::string_view code_point);
std::string ToLower(std::string_view code_point);

/// Offsets of what str.strip(characters) leaves; empty `characters` with `spaces` strips spaces.
struct ByteRange {
  size_t begin = 0;
  size_t end = 0;
};
struct StripSides {
  bool left = true;
  bool right = true;
};
ByteRange StripSpaces(std::string_view text, StripSides sides);
ByteRange StripCharacters(std::string_view text, std::string_view characters, StripSides sides);

}  // namespace altteul::text::jinja
