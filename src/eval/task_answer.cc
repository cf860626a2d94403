// SPDX-License-Identifier: Apache-2.0

#include "eval/task_answer.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/check.h"

namespace altteul::eval {
namespace {

std::string_view TrimLeft(std::string_view text, std::string_view characters) {
  text.remove_prefix(std::min(text.find_first_not_of(characters), text.size()));
  return text;
}

bool TextIsRight(const Question& question, std::string_view text) {
  const std::string_view said = NormalizedAnswer(text);
  return std::any_of(
      question.accepted.begin(), question.accepted.end(), [&](const std::string& accepted) {
        const std::string_view wanted = NormalizedAnswer(accepted);
        return question.ignore_case ? EqualWithoutCase(said, wanted) : said == wanted;
      });
}

}  // namespace

bool Counts(Measure measure, const Question& question) {
  return question.HasChoices() == (measure != Measure::kExact);
}

bool IsRight(Measure measure, const Question& question, const TaskAnswer& answer) {
  ALT_CHECK(Counts(measure, question));
  switch (measure) {
    case Measure::kChoice:
      return answer.choice == question.answer;
    case Measure::kChoicePerByte:
      return answer.choice_per_byte == question.answer;
    case Measure::kExact:
      return TextIsRight(question, answer.text);
  }
  return false;
}

std::vector<bool> RightAnswers(Measure measure, std::span<const Question> questions,
                               std::span<const TaskAnswer> answers) {
  ALT_CHECK(questions.size() == answers.size());
  std::vector<bool> right;
  for (size_t i = 0; i < questions.size(); ++i) {
    if (Counts(measure, questions[i])) right.push_back(IsRight(measure, questions[i], answers[i]));
  }
  return right;
}

std::string_view NormalizedAnswer(std::string_view text) {
  text = TrimLeft(text, kBlanks);
  text = text.substr(0, text.find('\n'));
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
  return text;
}

std::optional<size_t> ParseLetter(std::string_view text, size_t n_choices) {
  constexpr std::string_view kAnswer = "answer:";
  constexpr std::string_view kOpening = "([*\"' \t\r\n";
  text = TrimLeft(text, kOpening);
  if (EqualWithoutCase(text.substr(0, kAnswer.size()), kAnswer)) {
    text = TrimLeft(text.substr(kAnswer.size()), kOpening);
  }
  if (text.empty()) return std::nullopt;
  const char letter = Lower(text[0]);
  if (letter < 'a' || letter > 'z') return std::nullopt;
  const auto choice = static_cast<size_t>(letter - 'a');
  if (choice >= n_choices) return std::nullopt;
  // Behind it comes nothing, or a sign that closes it. "A cat" and "Because" begin with letters
  // too.
  constexpr std::string_view kClosing = ")].:*\"'\r\n";
  const std::string_view rest = text.substr(1);
  if (rest.find_first_not_of(kBlanks) == std::string_view::npos) return choice;
  if (kClosing.find(rest[0]) == std::string_view::npos) return std::nullopt;
  return choice;
}

}  // namespace altteul::eval
