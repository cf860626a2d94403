// SPDX-License-Identifier: Apache-2.0

#include "tools/terminal_text.h"

#include <cstdio>

#include "text/utf8.h"

namespace altteul::tools {
namespace {

bool IsObeyed(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
  const bool direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return control || direction;
}

std::string Number(const char* format, char32_t value) {
  char text[16];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned>(value));
  return text;
}

/// @param breaks  line ends and tabs stay
std::string Shown(std::string_view text, bool breaks) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    size_t length = text::CharacterLength(text);
    if (length == 0) {
      length = 1;
      shown += Number("\\x%02x", static_cast<unsigned char>(text.front()));
    } else if (const char32_t c = text::CodePointAt(text); breaks && (c == '\n' || c == '\t')) {
      shown += text.front();
    } else if (c == '\n' || c == '\t') {
      shown += c == '\n' ? "\\n" : "\\t";
    } else if (IsObeyed(c)) {
      shown += Number(c < 0x80 ? "\\x%02x" : "\\u%04x", c);
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return shown;
}

}  // namespace

std::string TerminalText::Push(std::string_view piece) {
  held_ += piece;
  const size_t ready = held_.size() - text::IncompleteTailLength(held_);
  std::string shown = Shown(std::string_view(held_).substr(0, ready), true);
  held_.erase(0, ready);
  return shown;
}

std::string TerminalText::Finish() {
  std::string shown = Shown(held_, true);
  held_.clear();
  return shown;
}

std::string TerminalLines(std::string_view text) { return Shown(text, true); }

std::string Printable(std::string_view text) { return Shown(text, false); }

}  // namespace altteul::tools
