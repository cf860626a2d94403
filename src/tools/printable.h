// A stranger's text must not send commands to the terminal.

#pragma once

#include <string>

namespace altteul::tools {

/// `text` with control characters as blanks.
inline std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = ' ';
  }
  return text;
}

}  // namespace altteul::tools
