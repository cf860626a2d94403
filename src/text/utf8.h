// SPDX-License-Identifier: Apache-2.0

// UTF-8 in bytes that nobody has checked: where a character ends, what may still become one, and
// the few properties the tokenizers ask of a code point. Unicode's tables come from utf8proc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::text {

/// [bytes] of the well-formed character that `bytes` begins with; 0 when it begins with none.
size_t CharacterLength(std::string_view bytes);

/// The code point `bytes` begins with. @pre CharacterLength(bytes) > 0
char32_t CodePointAt(std::string_view bytes);

/// [bytes] of the longest prefix that is well-formed UTF-8.
size_t ValidPrefixLength(std::string_view bytes);

/// [bytes] at the end that are the beginning of a character and may become one with more bytes: 0
/// to 3.
size_t IncompleteTailLength(std::string_view bytes);

/// [bytes] of the character that `bytes` ends with; 0 when it does not end with a well-formed one.
size_t LastCharacterLength(std::string_view bytes);

/// Unicode's White_Space property.
bool IsWhitespace(char32_t code_point);

/// A letter, mark, decimal digit or connector: what `\w` means in Unicode's regular expressions.
bool IsWordCharacter(char32_t code_point);

bool IsDecimalDigit(char32_t code_point);  ///< `\d`, Unicode's Nd
bool IsNumber(char32_t code_point);        ///< `\p{N}`: digits, Roman numerals, fractions

enum class NormalForm : uint8_t { kNfc, kNfd, kNfkc, kNfkd };

/// The normal form of every well-formed run of `text`; other bytes stay as they are.
Result<std::string> NormalizeUnicode(std::string_view text, NormalForm form);

}  // namespace altteul::text
