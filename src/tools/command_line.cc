// SPDX-License-Identifier: Apache-2.0

#include "tools/command_line.h"

#include <algorithm>
#include <string_view>

#include <CLI/CLI.hpp>

namespace altteul::tools {
namespace {

std::string WordsOf(const CLI::Option& option) {
  std::string name = option.get_positional() ? std::string() : " " + option.get_name(false, false);
  if (option.get_items_expected_max() == 0) return name;  // a flag
  std::string words;
  if (option.get_delimiter() == '\0') {
    for (const std::string& value : option.results()) words += name + " " + ShellWord(value);
    return words;
  }
  for (const std::string& value : option.results()) {
    words += (words.empty() ? "" : std::string(1, option.get_delimiter())) + value;
  }
  return name + " " + ShellWord(words);
}

std::string WordsOf(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) words += WordsOf(*option);
  }
  // Groups of options are nameless parts of the verb.
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (group->get_name().empty()) words += WordsOf(*group);
  }
  return words;
}

}  // namespace

std::string ShellWord(const std::string& word) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_-./:,+=@").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string CommandLineOf(const CLI::App& verb) {
  return "altteul " + verb.get_name() + WordsOf(verb);
}

}  // namespace altteul::tools
