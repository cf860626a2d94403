// SPDX-License-Identifier: Apache-2.0

#include "tools/escaped_text.h"

#include <charconv>

namespace altteul::tools {
namespace {

constexpr std::string_view kLetters = "nrt'\"\\";
constexpr std::string_view kMeanings = "\n\r\t'\"\\";

struct Meaning {
  char c;
  size_t n_bytes;  ///< that say it
};

/// Of what a text begins with. Escapes that nobody knows mean themselves.
Meaning FirstOf(std::string_view text) {
  const Meaning itself{text.front(), 1};
  if (text.front() != '\\' || text.size() < 2) return itself;
  const size_t letter = kLetters.find(text[1]);
  if (letter != std::string_view::npos) return {kMeanings[letter], 2};
  if (text[1] != 'x' || text.size() < 4) return itself;
  unsigned char byte = 0;
  const char* end = text.data() + 4;
  const auto read = std::from_chars(text.data() + 2, end, byte, 16);
  if (read.ec != std::errc() || read.ptr != end) return itself;
  return {static_cast<char>(byte), 4};
}

}  // namespace

std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Meaning first = FirstOf(text);
    out += first.c;
    text.remove_prefix(first.n_bytes);
  }
  return out;
}

}  // namespace altteul::tools
