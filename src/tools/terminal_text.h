// SPDX-License-Identifier: Apache-2.0

// A stranger's text must not send commands to the terminal.
//
// Answers of a model, names from a file and what a server says may hold escape sequences: they
// move the cursor, rename the window, answer in the user's place. On a terminal each character
// that is obeyed instead of shown becomes its number: \x1b, \u009b.
//
//   C0 and DEL    all but \n and \t
//   C1            U+0080 to U+009F; 8-bit terminals obey them as one byte
//   direction     U+202A to U+202E and U+2066 to U+2069: they reorder what stands around them,
//                 so that a reader sees another text than a compiler. Marks (U+200E, U+200F), which
//                 honest right-to-left text has, stay
//   no UTF-8      each byte: what a terminal makes of it depends on its settings

#pragma once

#include <string>
#include <string_view>

namespace altteul::tools {

/// For text that comes in pieces, which may cut a character: its beginning is held back.
class TerminalText {
 public:
  std::string Push(std::string_view piece);  ///< what can be shown now
  std::string Finish();                      ///< what is left of a character that never ended

 private:
  std::string held_;  // 0 to 3 bytes
};

/// A whole text of several lines, for example a message.
std::string TerminalLines(std::string_view text);

/// A name or value in one line: \n and \t are shown as such too.
std::string Printable(std::string_view text);

}  // namespace altteul::tools
