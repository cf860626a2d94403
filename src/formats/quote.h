// SPDX-License-Identifier: Apache-2.0

// Names out of a stranger's file, made fit for an error message: no control characters that a
// terminal would obey, and no more of them than a person wants to read.

#pragma once

#include <string>
#include <string_view>

namespace altteul::formats {

/// "token_embd.weight" with quotes; bytes outside printable ASCII as \xNN, cut after 80 bytes.
inline std::string Quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr size_t kMost = 80;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      quoted += c;
    } else {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted + (text.size() > kMost ? "\"..." : "\"");
}

}  // namespace altteul::formats
