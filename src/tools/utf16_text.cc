// SPDX-License-Identifier: Apache-2.0

#include "tools/utf16_text.h"

#include <cstddef>
#include <cstdint>

namespace altteul::tools {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

void AppendUtf8(std::string& out, uint32_t c) {
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | c >> 6);
    push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | c >> 12);
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | c >> 18);
    push(0x80 | (c >> 12 & 0x3F));
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  }
}

}  // namespace

std::optional<std::string> Utf8OfUtf16(std::string_view bytes) {
  const bool little = bytes.starts_with("\xFF\xFE");
  if (!little && !bytes.starts_with("\xFE\xFF")) return std::nullopt;
  const auto unit = [&](size_t at) {
    const auto first = static_cast<uint8_t>(bytes[at]);
    const auto second = static_cast<uint8_t>(bytes[at + 1]);
    return static_cast<uint32_t>(little ? second << 8 | first : first << 8 | second);
  };
  const auto is_high = [](uint32_t c) { return c >= 0xD800 && c < 0xDC00; };
  const auto is_low = [](uint32_t c) { return c >= 0xDC00 && c < 0xE000; };
  std::string text;
  size_t at = 2;
  while (at + 2 <= bytes.size()) {
    uint32_t c = unit(at);
    at += 2;
    if (is_high(c) && at + 2 <= bytes.size() && is_low(unit(at))) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(at) - 0xDC00);
      at += 2;
    }
    AppendUtf8(text, is_high(c) || is_low(c) ? kReplacement : c);
  }
  if (at < bytes.size()) AppendUtf8(text, kReplacement);
  return text;
}

}  // namespace altteul::tools
