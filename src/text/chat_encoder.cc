// SPDX-License-Identifier: Apache-2.0

#include "text/chat_encoder.h"

#include <algorithm>
#include <optional>
#include <string>

#include "text/chat_variables.h"

namespace altteul::text {
namespace {

using nlohmann::ordered_json;

void WarnOfUnread(const ordered_json& variables, const ChatTemplate& chat_template,
                  const LogSink& log) {
  const std::vector<std::string> read = chat_template.Variables();
  std::string names;
  for (const std::string& name : ChosenVariables(chat_template)) {
    names += (names.empty() ? "" : ", ") + name;
  }
  for (const auto& item : variables.items()) {
    if (!log || std::ranges::find(read, item.key()) != read.end()) continue;
    log(LogLevel::kWarning,
        "the chat template does not read '" + item.key() + "'; " +
            (names.empty() ? "it reads no variables of the caller's" : "it reads " + names));
  }
}

/// What came from values: control tokens in it are only text.
std::vector<TextRange> PlainRanges(const RenderedChat& chat) {
  std::vector<TextRange> ranges;
  size_t at = 0;
  for (const RenderedChat::Span& span : chat.spans) {
    if (!span.from_template) ranges.push_back({.begin = at, .end = at + span.length});
    at += span.length;
  }
  return ranges;
}

}  // namespace

Result<ChatEncoder> ChatEncoder::Create(ChatSource source, const Tokenizer& tokenizer,
                                        ChatOptions options, const LogSink& log) {
  auto parsed = ChatTemplate::Parse(source.chat_template);
  if (!parsed.ok()) {
    return Status(parsed.status().code(),
                  "the model's chat template: " + parsed.status().message());
  }
  WarnOfUnread(options.variables, parsed.value(), log);
  return ChatEncoder(std::move(parsed).value(), std::move(source), tokenizer, std::move(options));
}

ordered_json ChatEncoder::Context(const ordered_json& messages) const {
  const TokenizerSpec& spec = tokenizer_->spec();
  ordered_json context = ChatContext(messages);
  const std::pair<const char*, std::optional<TokenId>> tokens[] = {{"bos_token", spec.bos},
                                                                   {"eos_token", spec.eos},
                                                                   {"unk_token", spec.unk},
                                                                   {"pad_token", spec.pad}};
  for (const auto& [name, id] : tokens) {
    if (id) context[name] = tokenizer_->TokenBytes(*id, true);
  }
  for (const auto& [name, text] : spec.named_texts) context[name] = text;
  if (!spec.additional_special.empty()) context[kMoreTokensKey] = spec.additional_special;
  context.update(options_.variables);
  if (options_.now) SetTime(options_.now(), context);
  return context;
}

Result<std::vector<TokenId>> ChatEncoder::Encode(const ordered_json& messages,
                                                 size_t* n_dropped_bytes) const {
  ALT_ASSIGN_OR_RETURN(const RenderedChat chat, template_.Render(Context(messages)));
  const std::vector<TextRange> plain = PlainRanges(chat);
  ALT_ASSIGN_OR_RETURN(
      auto ids,
      tokenizer_->Encode(
          chat.text, {.parse_special = true, .plain = plain, .n_dropped_bytes = n_dropped_bytes}));
  const TokenizerSpec& spec = tokenizer_->spec();
  const bool begun = !ids.empty() && spec.bos && ids.front() == *spec.bos;
  if (spec.add_bos && spec.bos && !begun) ids.insert(ids.begin(), *spec.bos);
  return ids;
}

}  // namespace altteul::text
