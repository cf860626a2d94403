// SPDX-License-Identifier: Apache-2.0

#include "tools/escaped_text.h"

#include <charconv>

namespace altteul::tools {
namespace {

constexpr std::string_view kLetters = "nrt'\"\\";
constexpr std::string_view kMeanings = "\n\r\t'\"\\";

}  // namespace

std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t taken = 1;
    char meaning = text.front();
    if (text.front() == '\\' && text.size() > 1) {
      if (const size_t letter = kLetters.find(text[1]); letter != std::string_view::npos) {
        meaning = kMeanings[letter];
        taken = 2;
      } else if (text[1] == 'x' && text.size() > 3) {
        unsigned char byte = 0;
        const char* end = text.data() + 4;
        const auto read = std::from_chars(text.data() + 2, end, byte, 16);
        if (read.ec == std::errc() && read.ptr == end) {
          meaning = static_cast<char>(byte);
          taken = 4;
        }
      }
    }
    out += meaning;
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace altteul::tools
