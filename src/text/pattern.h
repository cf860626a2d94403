// SPDX-License-Identifier: Apache-2.0

// One regular expression of a tokenizer, run by PCRE2 with Unicode properties.
//
// The models' tokenizers were trained with Oniguruma or Rust's engine, where `\s` is Unicode's
// White_Space. PCRE2's own `\s` differs (U+180E, and U+0085 by version), so it is rewritten.
// Patterns come from strangers' files. Ours are compiled to machine code; theirs run in the
// interpreter with limits, in windows whose cost is counted, so that no pattern can take more than
// a fixed number of steps per byte of text.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::text {

/// Bytes [begin, end) of some text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
};

class Pattern {
 public:
  enum class Origin { kOurs, kFile };

  /// @return kUnsupported with the place when PCRE2 cannot compile `source`
  static Result<Pattern> Compile(std::string_view source, Origin origin);

  /// `text` with every character that has a meaning in patterns escaped.
  static std::string Quote(std::string_view text);

  ~Pattern();
  Pattern(Pattern&& other) noexcept;
  Pattern& operator=(Pattern&& other) noexcept;

  /// What one thread needs to match. Made once per text, not per word.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class Pattern;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Appends every match in `text`, left to right, not overlapping; empty ones too.
  /// @pre `text` is well-formed UTF-8
  /// @return kInvalidArgument when a limit is hit
  Status FindAll(std::string_view text, Scratch& scratch, std::vector<TextRange>& matches) const;

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);

  Status FindNext(std::string_view text, size_t from, Scratch& scratch, TextRange* match,
                  bool* found) const;
  Status FindNextGuarded(std::string_view text, size_t from, Scratch& scratch, TextRange* match,
                         bool* found) const;
  Status LimitError(int code, size_t offset) const;

  std::unique_ptr<Code> code_;
};

}  // namespace altteul::text
