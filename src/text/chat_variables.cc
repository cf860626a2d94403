// SPDX-License-Identifier: Apache-2.0

#include "text/chat_variables.h"

#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kMessages = "messages";

bool IsName(std::string_view text) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  return !text.empty() && std::ranges::all_of(text, is_word) &&
         std::isdigit(static_cast<unsigned char>(text[0])) == 0;
}

ordered_json ValueOf(const std::string& text) {
  if (text == "True") return true;
  if (text == "False") return false;
  if (text == "None" || text == "none") return nullptr;
  ordered_json parsed = ordered_json::parse(text, nullptr, false);
  return parsed.is_discarded() ? ordered_json(text) : parsed;
}

}  // namespace

ordered_json ChatMessage(std::string_view role, std::string_view content) {
  return {{"role", role}, {"content", content}};
}

ordered_json FirstMessages(std::string_view system) {
  ordered_json messages = ordered_json::array();
  if (!system.empty()) messages.push_back(ChatMessage("system", system));
  return messages;
}

ordered_json ChatContext(const ordered_json& messages) {
  return {{kMessages, messages},
          {"tools", nullptr},
          {"documents", nullptr},
          {"add_generation_prompt", true}};
}

void SetTime(const WallTime& now, ordered_json& context) {
  context[kNowKey] = now.unix_seconds;
  context[kUtcOffsetKey] = now.utc_offset_seconds;
}

Result<ordered_json> ParseTemplateVariables(const std::vector<std::string>& settings) {
  ordered_json variables = ordered_json::object();
  for (const std::string& setting : settings) {
    const size_t equals = std::min(setting.find('='), setting.size());
    const std::string name = setting.substr(0, equals);
    if (equals == setting.size() || !IsName(name)) {
      return Status(ErrorCode::kInvalidArgument, "'" + setting + "' is not of the form NAME=VALUE");
    }
    if (name == kMessages) {
      return Status(ErrorCode::kInvalidArgument, name + ": is the conversation itself");
    }
    variables[name] = ValueOf(setting.substr(equals + 1));
  }
  return variables;
}

std::vector<std::string> ChosenVariables(const ChatTemplate& chat_template) {
  const ordered_json given = ChatContext(ordered_json::array());
  std::vector<std::string> names = chat_template.Variables();
  std::erase_if(names,
                [&](const std::string& name) { return IsTokenKey(name) || given.contains(name); });
  return names;
}

}  // namespace altteul::text
