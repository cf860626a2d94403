// SPDX-License-Identifier: Apache-2.0

#include "tools/arguments.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <CLI/CLI.hpp>

#include "tools/llama_cpp_options.h"

namespace altteul::tools {
namespace {

using Meaning = LlamaCppOption::Meaning;

Status Refuse(const std::string& why) { return Status(ErrorCode::kInvalidArgument, why); }

/// Letters to change, insert or remove (Levenshtein).
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

std::string WithoutDashes(std::string_view name) {
  std::string letters(name);
  std::erase(letters, '-');
  std::replace(letters.begin(), letters.end(), '_', ' ');
  std::erase(letters, ' ');
  return letters;
}

class Reader {
 public:
  Reader(std::span<const std::string> words, const CLI::App& verb) : words_(words), verb_(verb) {}

  Result<Arguments> Read() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (word == "--") {  // all that follows is no option
        result_.words.push_back(word);
        while (at_ < words_.size()) result_.words.push_back(words_[at_++]);
      } else if (word.size() < 2 || word[0] != '-') {
        result_.words.push_back(word);
      } else {
        ALT_RETURN_IF_ERROR(ReadOption(word));
      }
    }
    return std::move(result_);
  }

 private:
  Status ReadOption(const std::string& word) {
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    if (TakeOurs(name, word)) return Status();
    // One dash before several letters, where ours has two: "-ngl", "-temp".
    const std::string two_dashes = name.starts_with("--") ? "" : "-" + name;
    if (name.size() > 2 && TakeOurs(two_dashes, "-" + word)) return Status();
    if (const auto* row = FindLlamaCppOption(verb_.get_name(), name)) {
      return TakeLlamaCpp(*row, name, equals == std::string::npos ? nullptr : &word[equals + 1]);
    }
    // "-n5": the parser takes what is behind the letter for the value.
    const CLI::Option* letter =
        two_dashes.empty() ? nullptr : verb_.get_option_no_throw(name.substr(0, 2));
    if (letter != nullptr && letter->get_items_expected_min() > 0 && IsValueBehindLetter(name)) {
      result_.words.push_back(word);
      return Status();
    }
    const std::string nearest = NearestName(name, Names());
    return Refuse(name + ": altteul " + verb_.get_name() + " has no such option" +
                  (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
  }

  // "-n5", "-t4", "-c0", "-fFILE.txt", but not "-nothing": letters alone are a mistyped name.
  static bool IsValueBehindLetter(std::string_view name) {
    return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-_", 2) != std::string_view::npos;
  }

  /// An option of the verb itself, with the value that it must have. @param word  as it is written
  bool TakeOurs(const std::string& name, const std::string& word) {
    const CLI::Option* option = verb_.get_option_no_throw(name);
    if (option == nullptr) return false;
    result_.words.push_back(word);
    const bool has_value = name.size() < word.size();
    if (option->get_items_expected_min() > 0 && !has_value && at_ < words_.size()) {
      result_.words.push_back(words_[at_++]);
    }
    return true;
  }

  Status TakeLlamaCpp(const LlamaCppOption& row, const std::string& name, const char* attached) {
    std::string value = attached == nullptr ? "" : attached;
    const bool optional = row.value.starts_with('[');
    if (attached == nullptr && !row.value.empty()) {
      const std::string_view words = row.value.substr(1, row.value.size() - 2);
      if (optional) {
        if (at_ < words_.size() && IsOneOf(words_[at_], words, '|')) value = words_[at_++];
      } else if (at_ < words_.size()) {
        value = words_[at_++];
      } else {
        return Refuse(name + " needs a value");
      }
    }
    const bool harmless = IsOneOf(value, row.harmless, '|') && !value.empty();
    if (row.meaning == Meaning::kRefused && !harmless) {
      return Refuse(name + ": " + std::string(row.text));
    }
    if (row.meaning == Meaning::kOurs) {
      SayOurs(row, value);
    } else {
      const std::string why = harmless ? "that is how it is here" : std::string(row.text);
      result_.notes.push_back(name + ": not needed here, ignored (" + why + ")");
    }
    return Status();
  }

  void SayOurs(const LlamaCppOption& row, const std::string& value) {
    std::string_view text = row.text;
    if (const size_t blank = text.find(' '); blank != std::string_view::npos) {
      result_.words.emplace_back(text.substr(0, blank));
      text.remove_prefix(blank + 1);
    }
    if (text.ends_with(':')) {
      result_.words.push_back(std::string(text) + value);
      return;
    }
    result_.words.emplace_back(text);
    if (!row.value.empty()) result_.words.push_back(value);
  }

  /// Every name that would have been understood.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    AddNames(verb_, &names);
    for (const LlamaCppOption& row : LlamaCppOptions()) {
      if (!IsOneOf(verb_.get_name(), row.verbs, ' ')) continue;
      for (const std::string& name : CLI::detail::split(std::string(row.names), ' ')) {
        names.push_back(name);
      }
    }
    return names;
  }

  static void AddNames(const CLI::App& app, std::vector<std::string>* names) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names->push_back("--" + name);
    }
    // Groups of options are nameless parts of the verb.
    for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; })) {
      if (group->get_name().empty()) AddNames(*group, names);
    }
  }

  std::span<const std::string> words_;
  const CLI::App& verb_;
  size_t at_ = 0;
  Arguments result_;
};

}  // namespace

std::string NearestName(std::string_view typed, std::span<const std::string> names) {
  const std::string letters = WithoutDashes(typed);
  size_t least = 1 + letters.size() / 4;  // more is another word
  std::string nearest;
  for (const std::string& name : names) {
    const std::string others = WithoutDashes(name);
    const size_t distance = EditDistance(letters, others);
    // Two letters that both changed are nothing alike.
    if (distance >= others.size()) continue;
    if (distance < least || (nearest.empty() && distance == least)) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

Result<Arguments> ReadArguments(std::span<const std::string> words, const CLI::App& verb) {
  return Reader(words, verb).Read();
}

}  // namespace altteul::tools
