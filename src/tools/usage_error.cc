// SPDX-License-Identifier: Apache-2.0

#include "tools/usage_error.h"

#include <algorithm>
#include <string_view>

#include <CLI/CLI.hpp>

namespace altteul::tools {
namespace {

/// The name of an option that the user wrote, for the one that the parser calls it by.
std::string AsTyped(const std::string& name, std::span<const std::string> words,
                    const CLI::App& verb) {
  const CLI::Option* option = name.starts_with('-') ? verb.get_option_no_throw(name) : nullptr;
  if (option == nullptr) return name;
  const auto typed = std::find_if(words.begin(), words.end(), [&](const std::string& word) {
    return word.starts_with('-') && option->check_name(word.substr(0, word.find('=')));
  });
  return typed == words.end() ? name : typed->substr(0, typed->find('='));
}

/// "NAME: VALUE: what is allowed" and "Could not convert: NAME = VALUE" are the parser's own forms.
std::string Complaint(std::string text, std::span<const std::string> words, const CLI::App& verb) {
  constexpr std::string_view kUnread = "Could not convert: ";
  const bool unread = text.starts_with(kUnread);
  if (unread) text.erase(0, kUnread.size());
  const std::string_view border = unread ? " = " : ": ";
  const size_t end = text.find(border);
  if (end == std::string::npos) return text;
  const std::string name = AsTyped(text.substr(0, end), words, verb);
  const std::string rest = text.substr(end + border.size());
  return name + " " + rest + (unread ? ": a number is wanted" : "");
}

}  // namespace

Status UsageError(const CLI::ParseError& error, std::span<const std::string> words,
                  const CLI::App& verb) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr ||
      dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    text = Complaint(std::move(text), words, verb);
  }
  if (const size_t end = text.find(": At Most 1 required"); end != std::string::npos) {
    text = AsTyped(text.substr(0, end), words, verb) + " is given more than once";
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extras = verb.remaining();
    const std::string who = verb.get_parent() == nullptr ? "" : " " + verb.get_name();
    text = "altteul" + who + " does not know what to do with '" +
           (extras.empty() ? "" : extras.front()) + "'";
  }
  return Status(ErrorCode::kInvalidArgument, text);
}

}  // namespace altteul::tools
