// SPDX-License-Identifier: Apache-2.0

// Questions out of a plain JSONL file: multiple choice, or an answer to be given word for word.
//
// One object a line; the format is docs/formats/tasks.md. Whoever wrote the file, what comes out
// can be asked: texts are UTF-8 and not empty, a right answer is one of the choices, and nothing
// was guessed about which.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::eval {

inline constexpr size_t kMostChoices = 26;  ///< letters A to Z

struct Question {
  size_t line = 0;           ///< of the file, from 1
  std::string id;            ///< as the file has it; may be empty
  std::string text;          ///< what `question` or `prompt` says
  bool is_question = false;  ///< it stood under `question`: it is asked, not continued

  /// Multiple choice: 2 to kMostChoices different texts. Empty: the answer is given in words.
  std::vector<std::string> choices;
  size_t answer = 0;      ///< index of the right choice
  std::string delimiter;  ///< between prompt and choice

  std::vector<std::string> accepted;  ///< without choices: the right answers, at least one
  bool ignore_case = false;           ///< they are compared without the case of ASCII letters

  bool HasChoices() const { return !choices.empty(); }
  /// What a model continues: the text as it is, or framed as "Question: ...\nAnswer:".
  std::string Prompt() const;
  /// What stands behind Prompt() when choice i is taken.
  std::string Continuation(size_t i) const { return delimiter + choices[i]; }
};

/// @param text  the whole file; nothing in it is trusted
/// @param name  the file, for messages
/// @return kCorruptFile naming line and field (also when there is no question at all, or an id
///         stands there twice), kUnsupported for a file or line that is too large
Result<std::vector<Question>> ParseTaskFile(std::string_view text, const std::string& name);

}  // namespace altteul::eval
