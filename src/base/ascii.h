// SPDX-License-Identifier: Apache-2.0

// Words that people and protocols write in ASCII: types, header fields, units, licences. Bytes
// beyond ASCII are nobody's letter and no blank here, and no locale has a say. Text in Unicode is
// the business of text/template/code_points.h.

#pragma once

#include <string>
#include <string_view>

namespace altteul {

/// Between the words of a line, and at the ends of lines.
inline constexpr std::string_view kBlanks = " \t\r\n";
/// All that C takes for white space.
inline constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

/// The small letter of a capital; every other byte itself.
constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string Lower(std::string_view text);

bool EqualWithoutCase(std::string_view a, std::string_view b);

/// Without what stands in `blanks` at both ends; a view into `text`.
std::string_view Trim(std::string_view text, std::string_view blanks = kBlanks);

}  // namespace altteul
