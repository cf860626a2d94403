// SPDX-License-Identifier: Apache-2.0

#include "eval/task_file.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "base/ascii.h"
#include "formats/json_file.h"
#include "formats/quote.h"

namespace altteul::eval {
namespace {

using formats::Quote;
using nlohmann::json;

constexpr size_t kMostBytes = size_t{1} << 30;
constexpr size_t kMostLineBytes = size_t{4} << 20;  // a context of a million tokens
constexpr size_t kMostQuestions = 1'000'000;        // tens of times the largest public set
constexpr size_t kMostAccepted = 1000;
constexpr size_t kMostDelimiterBytes = 16;
constexpr formats::JsonLimits kLimits = {.max_bytes = kMostLineBytes, .max_depth = 8};

constexpr std::string_view kKeys[] = {"id",     "question",  "prompt",     "choices",
                                      "answer", "delimiter", "ignore_case"};

bool IsBlank(char c) { return kBlanks.find(c) != kBlanks.npos; }

bool IsOnlyBlank(std::string_view text) { return std::all_of(text.begin(), text.end(), IsBlank); }

/// One line as it becomes a question. `where` is "FILE:LINE" for messages.
class LineReader {
 public:
  LineReader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Result<Question> Read() {
    ALT_RETURN_IF_ERROR(CheckKeys());
    Question question;
    ALT_RETURN_IF_ERROR(ReadId(&question));
    ALT_RETURN_IF_ERROR(ReadText(&question));
    if (object_.contains("choices")) {
      ALT_RETURN_IF_ERROR(ReadChoices(&question));
      ALT_RETURN_IF_ERROR(ReadAnswer(&question));
      ALT_RETURN_IF_ERROR(ReadDelimiter(&question));
      if (object_.contains("ignore_case")) return Refuse("ignore_case", "is for answers in words");
    } else {
      ALT_RETURN_IF_ERROR(ReadAccepted(&question));
      ALT_RETURN_IF_ERROR(ReadIgnoreCase(&question));
      if (object_.contains("delimiter")) return Refuse("delimiter", "is for choices");
    }
    return question;
  }

 private:
  Status Refuse(const std::string& field, const std::string& what) const {
    return Status(ErrorCode::kCorruptFile, where_ + ": '" + field + "' " + what);
  }

  Status CheckKeys() const {
    for (const auto& item : object_.items()) {
      const std::string& key = item.key();
      if (key.starts_with('_')) continue;
      if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
        return Status(ErrorCode::kCorruptFile,
                      where_ + ": " + Quote(key) +
                          " is no field of a question; put _ before it to keep it as a note");
      }
    }
    return Status();
  }

  Status ReadId(Question* question) const {
    const auto id = object_.find("id");
    if (id == object_.end()) return Status();
    if (id->is_string()) {
      question->id = id->get<std::string>();
      if (question->id.empty()) return Refuse("id", "is empty");
    } else if (id->is_number_integer()) {
      question->id = id->dump();
    } else {
      return Refuse("id", "is neither a text nor an integer");
    }
    return Status();
  }

  Status ReadText(Question* question) const {
    question->is_question = object_.contains("question");
    if (question->is_question && object_.contains("prompt")) {
      return Refuse("question", "stands beside 'prompt'; give one of them");
    }
    const std::string field = question->is_question ? "question" : "prompt";
    if (!object_.contains(field)) return Refuse("prompt", "is missing, and so is 'question'");
    ALT_ASSIGN_OR_RETURN(question->text, TextOf(object_[field], field));
    return Status();
  }

  Result<std::string> TextOf(const json& value, const std::string& field) const {
    if (!value.is_string()) return Refuse(field, "is no text");
    std::string text = value.get<std::string>();
    if (IsOnlyBlank(text)) return Refuse(field, "is empty");
    return text;
  }

  Status ReadChoices(Question* question) const {
    const json& choices = object_["choices"];
    if (!choices.is_array()) return Refuse("choices", "is no list");
    if (choices.size() < 2 || choices.size() > kMostChoices) {
      return Refuse("choices", "has " + std::to_string(choices.size()) + " entries; from 2 to " +
                                   std::to_string(kMostChoices) + " can be asked");
    }
    for (const json& choice : choices) {
      const size_t i = question->choices.size();
      ALT_ASSIGN_OR_RETURN(std::string text, TextOf(choice, "choices[" + std::to_string(i) + "]"));
      const auto same = std::find(question->choices.begin(), question->choices.end(), text);
      if (same != question->choices.end()) {
        return Refuse("choices", "has the same text at " +
                                     std::to_string(same - question->choices.begin()) + " and " +
                                     std::to_string(i));
      }
      question->choices.push_back(std::move(text));
    }
    return Status();
  }

  /// An index, the text of a choice, or its letter.
  Status ReadAnswer(Question* question) const {
    if (!object_.contains("answer")) return Refuse("answer", "is missing");
    const json& answer = object_["answer"];
    const size_t n = question->choices.size();
    if (answer.is_number_integer()) {
      if (!answer.is_number_unsigned() || answer.get<uint64_t>() >= n) {
        return Refuse("answer", "is " + answer.dump() + "; choices are counted from 0 to " +
                                    std::to_string(n - 1));
      }
      question->answer = static_cast<size_t>(answer.get<uint64_t>());
      return Status();
    }
    if (!answer.is_string()) return Refuse("answer", "is no index, letter or text");
    const std::string& text = answer.get_ref<const std::string&>();
    const auto same = std::find(question->choices.begin(), question->choices.end(), text);
    std::optional<size_t> by_text, by_letter;
    if (same != question->choices.end())
      by_text = static_cast<size_t>(same - question->choices.begin());
    if (text.size() == 1 && text[0] >= 'A' && static_cast<size_t>(text[0] - 'A') < n) {
      by_letter = static_cast<size_t>(text[0] - 'A');
    }
    if (!by_text && !by_letter) return Refuse("answer", Quote(text) + " is none of the choices");
    if (by_text && by_letter && *by_text != *by_letter) {
      return Refuse("answer", Quote(text) +
                                  " is the letter of one choice and the text of another; "
                                  "give its index");
    }
    question->answer = by_text ? *by_text : *by_letter;
    return Status();
  }

  Status ReadDelimiter(Question* question) const {
    const auto given = object_.find("delimiter");
    if (given != object_.end()) {
      if (!given->is_string()) return Refuse("delimiter", "is no text");
      question->delimiter = given->get<std::string>();
      if (question->delimiter.size() > kMostDelimiterBytes) {
        return Refuse("delimiter",
                      "has more than " + std::to_string(kMostDelimiterBytes) + " bytes");
      }
      return Status();
    }
    // One space, unless the file brings its own.
    const bool spaced = (!question->is_question && IsBlank(question->text.back())) ||
                        std::all_of(question->choices.begin(), question->choices.end(),
                                    [](const std::string& choice) { return IsBlank(choice[0]); });
    question->delimiter = spaced ? "" : " ";
    return Status();
  }

  Status ReadAccepted(Question* question) const {
    if (!object_.contains("answer")) return Refuse("answer", "is missing");
    const json& answer = object_["answer"];
    if (!answer.is_array()) {
      if (!answer.is_string()) {
        return Refuse("answer", "is no text and no list of texts, and there are no 'choices'");
      }
      ALT_ASSIGN_OR_RETURN(std::string text, TextOf(answer, "answer"));
      question->accepted.push_back(std::move(text));
      return Status();
    }
    if (answer.empty() || answer.size() > kMostAccepted) {
      return Refuse("answer", "has " + std::to_string(answer.size()) + " texts; from 1 to " +
                                  std::to_string(kMostAccepted) + " can be right");
    }
    for (const json& each : answer) {
      const std::string field = "answer[" + std::to_string(question->accepted.size()) + "]";
      ALT_ASSIGN_OR_RETURN(std::string text, TextOf(each, field));
      question->accepted.push_back(std::move(text));
    }
    return Status();
  }

  Status ReadIgnoreCase(Question* question) const {
    const auto given = object_.find("ignore_case");
    if (given == object_.end()) return Status();
    if (!given->is_boolean()) return Refuse("ignore_case", "is neither true nor false");
    question->ignore_case = given->get<bool>();
    return Status();
  }

  const json& object_;
  const std::string where_;
};

Result<Question> ParseLine(std::string_view line, const std::string& where) {
  ALT_ASSIGN_OR_RETURN(const json object,
                       formats::ParseJson(std::as_bytes(std::span(line)), where, kLimits));
  if (!object.is_object()) return Status(ErrorCode::kCorruptFile, where + ": no JSON object");
  return LineReader(object, where).Read();
}

}  // namespace

std::string Question::Prompt() const {
  return is_question ? "Question: " + text + "\nAnswer:" : text;
}

Result<std::vector<Question>> ParseTaskFile(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) {
    return Status(ErrorCode::kUnsupported, name + ": " + std::to_string(text.size()) +
                                               " bytes, more than the " +
                                               std::to_string(kMostBytes) + " that are read");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  std::vector<Question> questions;
  std::map<std::string, size_t> lines_of_ids;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const std::string where = name + ":" + std::to_string(number);
    if (questions.size() == kMostQuestions) {
      return Status(ErrorCode::kUnsupported,
                    where + ": more than " + std::to_string(kMostQuestions) + " questions");
    }
    ALT_ASSIGN_OR_RETURN(Question question, ParseLine(line, where));
    question.line = number;
    if (!question.id.empty()) {
      const auto [first, is_new] = lines_of_ids.emplace(question.id, number);
      if (!is_new) {
        return Status(ErrorCode::kCorruptFile, where + ": 'id' " + Quote(question.id) +
                                                   " stands in line " +
                                                   std::to_string(first->second) + " already");
      }
    }
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return Status(ErrorCode::kCorruptFile, name + ": holds no question");
  return questions;
}

}  // namespace altteul::eval
