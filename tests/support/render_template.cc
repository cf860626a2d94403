// SPDX-License-Identifier: Apache-2.0

// Renders chat templates for scripts: each line of standard input is a JSON object
//
//   {"template": "...", "context": {...}}   or   {"ollama": "...", "context": {...}}
//
// and each line of standard output is {"text": ..., "values": [[begin, end], ...]}, where `values`
// are the bytes that came from values, or {"error": ...}; with "list" in place of a context it is
// {"variables": [...]}.

#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "text/chat_template.h"
#include "text/ollama_template.h"

namespace {

using altteul::Result;
using altteul::text::ChatTemplate;
using nlohmann::ordered_json;

Result<ordered_json> Answer(const ordered_json& request) {
  std::string source = request.value("template", std::string());
  if (request.contains("ollama")) {
    ALT_ASSIGN_OR_RETURN(
        source, altteul::text::TranslateOllamaTemplate(request["ollama"].get<std::string>()));
  }
  ALT_ASSIGN_OR_RETURN(const ChatTemplate parsed, ChatTemplate::Parse(source));
  if (request.contains("list")) return ordered_json{{"variables", parsed.Variables()}};
  ALT_ASSIGN_OR_RETURN(const auto chat, parsed.Render(request["context"]));
  ordered_json values = ordered_json::array();
  size_t at = 0;
  for (const auto& span : chat.spans) {
    if (!span.from_template) values.push_back({at, at + span.length});
    at += span.length;
  }
  return ordered_json{{"text", chat.text}, {"values", values}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = Answer(ordered_json::parse(line));
    const ordered_json shown =
        answer.ok() ? answer.value() : ordered_json{{"error", answer.status().message()}};
    std::cout << shown.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
  }
  return 0;
}
