// SPDX-License-Identifier: Apache-2.0

// Tokens that are found in text as they are written, before anything is cut or merged: control
// tokens such as <|im_end|>, and words added by hand. At each place the longest wins.

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::text {

class AddedTokenMatcher {
 public:
  struct Entry {
    std::string text;
    AddedToken token;
    bool control = false;  ///< found only when special tokens are parsed
  };

  /// A part of the text: a token found in it, or what lies between.
  struct Part {
    TextRange range;
    TokenId id;  ///< kNoToken: text
  };

  /// @return kCorruptFile for a token longer than 1024 bytes: each place in a text may be compared
  ///         with one of them
  static Result<AddedTokenMatcher> Make(std::vector<Entry> entries);

  bool empty() const { return entries_.empty(); }

  /// Appends the parts of `text`, in order and touching each other, none empty.
  /// @param plain  ranges in which no control token is parsed, ascending
  void Split(std::string_view text, bool parse_special, std::span<const TextRange> plain,
             std::vector<Part>& parts) const;

 private:
  /// The longest entry that stands at `at`; null when none does.
  const Entry* Longest(std::string_view text, size_t at, bool parse_special,
                       std::span<const TextRange> plain) const;

  std::vector<Entry> entries_;  ///< sorted by text
  std::array<uint32_t, 257>
      first_{};  ///< entries_ that begin with byte b: [first_[b], first_[b+1])
};

}  // namespace altteul::text
