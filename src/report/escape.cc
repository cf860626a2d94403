// SPDX-License-Identifier: Apache-2.0

#include "report/escape.h"

#include <utf8proc.h>

#include <algorithm>

namespace altteul::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsAllowed(utf8proc_int32_t code) {
  if (code < 0x20) return code == '\n' || code == '\t';
  return code < 0x7F || (code > 0x9F && (code & 0xFFFE) != 0xFFFE);
}

std::string_view EntityFor(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string EscapeMarkup(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    utf8proc_int32_t code = -1;
    const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code);
    const size_t length = used < 1 ? 1 : static_cast<size_t>(used);
    const std::string_view entity = used == 1 ? EntityFor(text.front()) : std::string_view();
    if (!entity.empty()) {
      out += entity;
    } else {
      out += used < 1 || !IsAllowed(code) ? kReplacement : text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace altteul::report
