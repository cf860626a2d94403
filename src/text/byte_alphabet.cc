// SPDX-License-Identifier: Apache-2.0

#include "text/byte_alphabet.h"

#include <array>

#include "text/utf8.h"

namespace altteul::text {
namespace {

constexpr uint32_t kFirstStandIn = 0x100;
constexpr uint32_t kStandIns = 256 - 94 - 12 - 82;  // bytes outside the three printable ranges

constexpr bool StandsForItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<std::array<char, 2>, 256> letter{};
  std::array<uint8_t, 256> length{};
  std::array<uint8_t, kStandIns> stand_in{};  ///< byte of U+0100 + i

  constexpr Alphabet() {
    uint32_t next = 0;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t code_point = byte;
      if (!StandsForItself(byte)) {
        stand_in[next] = static_cast<uint8_t>(byte);
        code_point = kFirstStandIn + next++;
      }
      if (code_point < 0x80) {
        letter[byte] = {static_cast<char>(code_point), 0};
        length[byte] = 1;
      } else {
        letter[byte] = {static_cast<char>(0xC0 | (code_point >> 6)),
                        static_cast<char>(0x80 | (code_point & 0x3F))};
        length[byte] = 2;
      }
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

std::string_view ByteLetter(uint8_t byte) {
  return std::string_view(kAlphabet.letter[byte].data(), kAlphabet.length[byte]);
}

std::optional<std::string> BytesOfLetters(std::string_view letters) {
  std::string bytes;
  bytes.reserve(letters.size());
  while (!letters.empty()) {
    const size_t length = CharacterLength(letters);
    if (length == 0) return std::nullopt;
    const uint32_t code_point = CodePointAt(letters);
    if (code_point < 256 && StandsForItself(code_point)) {
      bytes.push_back(static_cast<char>(code_point));
    } else if (code_point >= kFirstStandIn && code_point - kFirstStandIn < kStandIns) {
      bytes.push_back(static_cast<char>(kAlphabet.stand_in[code_point - kFirstStandIn]));
    } else {
      return std::nullopt;
    }
    letters.remove_prefix(length);
  }
  return bytes;
}

std::optional<uint8_t> ByteOfToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return static_cast<uint8_t>(value);
}

}  // namespace altteul::text
