// SPDX-License-Identifier: Apache-2.0

// What the options of llama.cpp's programs mean here, so that a command line that was written for
// them is understood, or refused in one clear line.
//
// A few options of our own verbs stand there for verbs that have no use for them. Options that are
// ours too are not in the table: a verb's own options come first. Those that only
// steer llama.cpp's machinery are ignored with a word; those that would change an answer in a way
// that we cannot are refused, with the nearest thing that we have.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace altteul::tools {

struct LlamaCppOption {
  enum class Meaning {
    kOurs,     ///< `text` is what it is called here
    kIgnored,  ///< `text` is why nothing is lost
    kRefused,  ///< `text` is the nearest thing, or why there is none
  };
  /// Separated by blanks, with their dashes.
  std::string_view names;
  std::string_view verbs;
  Meaning meaning;
  /// "": a flag; "N": one value; "[on|off]": one of these words, or none.
  std::string_view value;
  /// Values (separated by '|') with which it changes nothing here, so that it is ignored in place
  /// of refused.
  std::string_view harmless;
  /// kOurs: the words that stand for it. The value comes behind them, in the last one if that ends
  /// in ':'.
  std::string_view text;
};

/// The row of an option as it is typed in a verb, or null.
const LlamaCppOption* FindLlamaCppOption(std::string_view verb, std::string_view name);

std::span<const LlamaCppOption> LlamaCppOptions();

/// True when `word` is one of `words`, which are separated by `separator`.
bool IsOneOf(std::string_view word, std::string_view words, char separator);

}  // namespace altteul::tools
