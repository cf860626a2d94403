// SPDX-License-Identifier: Apache-2.0

#include "text/chat_source.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "text/chat_template.h"
#include "text/chat_variables.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

/// What a template makes of a conversation; nothing where it makes none of it.
std::optional<std::string> Rendered(const ChatTemplate& chat_template,
                                    const ordered_json& messages) {
  ordered_json context = ChatContext(messages);
  context["bos_token"] = "";
  context["eos_token"] = "</s>";
  SetTime({}, context);
  auto chat = chat_template.Render(context);
  if (!chat.ok()) return std::nullopt;
  return std::move(chat).value().text;
}

}  // namespace

bool WriteAlike(std::string_view a, std::string_view b) {
  const auto first = ChatTemplate::Parse(a);
  const auto second = ChatTemplate::Parse(b);
  if (!first.ok() || !second.ok()) return false;
  const ordered_json asks = ChatMessage("user", "1");
  const ordered_json conversations[] = {
      ordered_json::array({asks}), ordered_json::array({ChatMessage("system", "0"), asks}),
      ordered_json::array({asks, ChatMessage("assistant", "2"), ChatMessage("user", "3")})};
  return std::all_of(std::begin(conversations), std::end(conversations), [&](const auto& each) {
    return Rendered(first.value(), each) == Rendered(second.value(), each);
  });
}

}  // namespace altteul::text
