// SPDX-License-Identifier: Apache-2.0

// What a chat template may read: what every chat gives it, as transformers' apply_chat_template
// does, and what a caller sets besides, for example that no thinking is wanted.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "text/chat_template.h"
#include "text/wall_time.h"

namespace altteul::text {

/// A message of a conversation. What an assistant said goes back whole, with the thoughts it wrote
/// before its answer: what of them a model reads again is for its template to say.
/// @param role  "system", "user", "assistant"
nlohmann::ordered_json ChatMessage(std::string_view role, std::string_view content);

/// What a conversation begins with: a system message, or no message where that is empty.
nlohmann::ordered_json FirstMessages(std::string_view system);

/// What a template is given in every chat, but for tokens and time: an answer is to follow.
/// @param messages  [{"role": ..., "content": ...}, ...]
nlohmann::ordered_json ChatContext(const nlohmann::ordered_json& messages);

/// Without it strftime_now() fails.
void SetTime(const WallTime& now, nlohmann::ordered_json& context);

/// Each "NAME=VALUE". VALUE is JSON (true, 3, "text", [1]) or one of Python's words None, True and
/// False, else a text as it stands.
/// @return kInvalidArgument for what has no name, or the name of the conversation itself
Result<nlohmann::ordered_json> ParseTemplateVariables(const std::vector<std::string>& settings);

/// Names that the template reads besides those that every chat gives it, ascending.
std::vector<std::string> ChosenVariables(const ChatTemplate& chat_template);

}  // namespace altteul::text
