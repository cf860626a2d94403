// SPDX-License-Identifier: Apache-2.0

// Cuts text into the pieces within which byte pairs are merged: a chain of patterns, each applied
// to the pieces that the one before it left.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/digit_groups.h"
#include "text/pattern.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// The patterns behind the name that a GGUF file gives (tokenizer.ggml.pre), if it is known.
std::optional<std::vector<PrePattern>> PrePatternsByName(std::string_view name);

/// The name for a chain of patterns, as `ignore_merges` has it; nothing when GGUF has none.
/// Where several names mean the same, the one that is best known.
std::optional<std::string_view> NameOfPrePatterns(const std::vector<PrePattern>& patterns,
                                                  bool ignore_merges);

/// What goes with a name although no key of the file says so.
struct PreTokenizerHabits {
  bool ignore_merges = false;    ///< a word that is a token is taken as it is (llama-bpe, tekken)
  bool begins_with_bos = false;  ///< unless the file says otherwise
  bool raw_text = false;         ///< merges join characters, not letters that stand for bytes
  bool marks_spaces = false;     ///< raw text: a space is written as U+2581
};

/// Those of a name; none for one that is not known.
PreTokenizerHabits HabitsOfPreTokenizer(std::string_view name);

/// True for a pattern that stands in one of these lists: it is known to be harmless.
bool IsPublishedPattern(std::string_view pattern);

/// A pattern with the same matches that an engine finds without reading anything twice; the pattern
/// itself where that is so.
std::string_view LinearForm(std::string_view pattern);

class PreTokenizer {
 public:
  /// No patterns: the text is one piece.
  static Result<PreTokenizer> Make(const std::vector<PrePattern>& patterns);

  /// Appends the pieces of `text`, views into it. Runs of invalid UTF-8 are pieces of their own.
  Status Split(std::string_view text, Pattern::Scratch& scratch,
               std::vector<std::string_view>& pieces) const;

 private:
  struct Step {
    std::optional<DigitGroups> digits;  ///< instead of `pattern`
    std::optional<Pattern> pattern;
    SplitBehavior behavior;
    bool invert;
  };

  static Status Apply(const Step& step, std::string_view text, Pattern::Scratch& scratch,
                      std::vector<std::string_view>& pieces);

  std::vector<Step> steps_;
};

}  // namespace altteul::text
