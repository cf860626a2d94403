// SPDX-License-Identifier: Apache-2.0

// GPT-2's alphabet of bytes: 256 printable characters that stand for the 256 bytes, so that a
// vocabulary of byte strings can be written as text (Radford et al. 2019, and the tokenizer's own
// bytes_to_unicode). Printable Latin-1 bytes stand for themselves, the others are U+0100 and up.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace altteul::text {

/// The character that stands for `byte`, as UTF-8 (one or two bytes).
std::string_view ByteLetter(uint8_t byte);

/// The bytes that `letters` stands for; nothing when a character outside the alphabet occurs.
std::optional<std::string> BytesOfLetters(std::string_view letters);

/// The byte that the token "<0x41>" of a SentencePiece vocabulary stands for; nothing for others.
std::optional<uint8_t> ByteOfToken(std::string_view text);

}  // namespace altteul::text
