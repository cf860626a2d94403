// SPDX-License-Identifier: Apache-2.0

// Numbers cut by thousands from the right: 1234567 is 1, 234, 567.
//
// Published patterns say this by looking ahead from each digit to the end of the number, which
// takes an engine quadratic time. Here a number is read once.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace altteul::text {

class DigitGroups {
 public:
  /// The published pattern of this meaning; nothing for any other pattern.
  static std::optional<DigitGroups> Of(std::string_view pattern);

  /// Appends what the pattern matches in `text`, left to right. @pre `text` is well-formed UTF-8
  void FindAll(std::string_view text, std::vector<TextRange>& matches) const;

 private:
  enum class Kind : uint8_t {
    kNumbers,  ///< \p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})): the groups of every number
    kWords,    ///< \d{1,3}(?=(?:\d{3})*\b): of decimal numbers that end a word
    kMarks,    ///< (?=(\d{3})+(?!\d)): the empty places before groups of three
  };
  explicit DigitGroups(Kind kind) : kind_(kind) {}

  Kind kind_;
};

}  // namespace altteul::text
