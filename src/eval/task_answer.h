// SPDX-License-Identifier: Apache-2.0

// What somebody answered to a question, whoever it was, and whether that is right.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/task_file.h"

namespace altteul::eval {

struct TaskAnswer {
  std::optional<size_t> choice;           ///< nothing: no choice could be read from the answer
  std::optional<size_t> choice_per_byte;  ///< best by log-probability a byte; models only
  std::vector<double> log_probabilities;  ///< [choices], in nats; models only
  std::string text;                       ///< what was said, where something was
};

/// Three figures that are never mixed.
enum class Measure {
  kChoice,         ///< multiple choice by the sum of log-probabilities, or by the letter given
  kChoicePerByte,  ///< multiple choice by log-probability a byte of the choice
  kExact,          ///< answers in words
};

/// Whether `measure` counts this question at all.
bool Counts(Measure measure, const Question& question);

/// @pre Counts(measure, question)
bool IsRight(Measure measure, const Question& question, const TaskAnswer& answer);

/// Of each question that counts, in order, whether the answer is right.
/// @pre as many answers as questions
std::vector<bool> RightAnswers(Measure measure, std::span<const Question> questions,
                               std::span<const TaskAnswer> answers);

/// What is compared: the first line that is not blank, without blanks around it and without one
/// full stop at its end.
std::string_view NormalizedAnswer(std::string_view text);

/// The choice whose letter the text gives: "B", "(b)", "B. Paris", "**B**", "Answer: B". Nothing
/// where it could mean something else, as in "A cat" or "B or C".
std::optional<size_t> ParseLetter(std::string_view text, size_t n_choices);

}  // namespace altteul::eval
