// SPDX-License-Identifier: Apache-2.0

#include "tools/chat.h"

#include <algorithm>
#include <cctype>
#include <ctime>

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;

// Every chat gives these, as transformers' apply_chat_template does; and the tokens' names.
constexpr std::string_view kMessages = "messages";
constexpr const char* kMoreTokens = "additional_special_tokens";
constexpr std::string_view kGiven[] = {kMessages, "tools", "documents", "add_generation_prompt",
                                       kMoreTokens};

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

void WarnOfUnread(const ordered_json& variables, const text::ChatTemplate& chat_template,
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

}  // namespace

WallTime LocalNow() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  tzset();  // localtime_r need not look at TZ
  localtime_r(&now, &local);
  return {.unix_seconds = now, .utc_offset_seconds = local.tm_gmtoff};
}

Result<ordered_json> ParseTemplateVariables(const std::vector<std::string>& settings) {
  ordered_json variables = ordered_json::object();
  for (const std::string& setting : settings) {
    const size_t equals = std::min(setting.find('='), setting.size());
    const std::string name = setting.substr(0, equals);
    if (equals == setting.size() || !IsName(name)) {
      return Status(ErrorCode::kInvalidArgument,
                    "--template-var '" + setting + "' is not of the form NAME=VALUE");
    }
    if (name == kMessages) {
      return Status(ErrorCode::kInvalidArgument,
                    "--template-var " + name + ": is the conversation itself");
    }
    variables[name] = ValueOf(setting.substr(equals + 1));
  }
  return variables;
}

std::vector<std::string> ChosenVariables(const text::ChatTemplate& chat_template) {
  std::vector<std::string> names = chat_template.Variables();
  std::erase_if(names, [](const std::string& name) {
    return name.ends_with("_token") || std::ranges::find(kGiven, name) != std::end(kGiven);
  });
  return names;
}

Result<ChatEncoder> ChatEncoder::Create(ChatSource source, const text::Tokenizer& tokenizer,
                                        ChatOptions options, const LogSink& log) {
  auto parsed = text::ChatTemplate::Parse(source.chat_template);
  if (!parsed.ok()) {
    return Status(parsed.status().code(),
                  "the model's chat template: " + parsed.status().message() +
                      " (--raw continues a prompt without it)");
  }
  WarnOfUnread(options.variables, parsed.value(), log);
  return ChatEncoder(std::move(parsed).value(), std::move(source), tokenizer, std::move(options));
}

Result<std::vector<text::TokenId>> ChatEncoder::Encode(const ordered_json& messages,
                                                       size_t* n_dropped_bytes) const {
  const text::TokenizerSpec& spec = tokenizer_->spec();
  const WallTime now = options_.now();
  ordered_json context = {{kMessages, messages},
                          {"tools", nullptr},
                          {"documents", nullptr},
                          {"add_generation_prompt", true}};
  const std::pair<const char*, std::optional<text::TokenId>> tokens[] = {{"bos_token", spec.bos},
                                                                         {"eos_token", spec.eos},
                                                                         {"unk_token", spec.unk},
                                                                         {"pad_token", spec.pad}};
  for (const auto& [name, id] : tokens) {
    if (id) context[name] = tokenizer_->TokenBytes(*id, true);
  }
  for (const auto& [name, text] : spec.named_texts) context[name] = text;
  if (!spec.additional_special.empty()) context[kMoreTokens] = spec.additional_special;
  context.update(options_.variables);
  context["__now"] = now.unix_seconds;
  context["__utc_offset"] = now.utc_offset_seconds;
  ALT_ASSIGN_OR_RETURN(const text::RenderedChat chat, template_.Render(context));

  std::vector<text::TextRange> plain;
  size_t at = 0;
  for (const text::RenderedChat::Span& span : chat.spans) {
    if (!span.from_template) plain.push_back({.begin = at, .end = at + span.length});
    at += span.length;
  }
  ALT_ASSIGN_OR_RETURN(
      auto ids,
      tokenizer_->Encode(
          chat.text, {.parse_special = true, .plain = plain, .n_dropped_bytes = n_dropped_bytes}));
  const bool begun = !ids.empty() && spec.bos && ids.front() == *spec.bos;
  if (spec.add_bos && spec.bos && !begun) ids.insert(ids.begin(), *spec.bos);
  return ids;
}

Result<std::optional<ChatEncoder>> MakeChatEncoder(const std::string& name,
                                                   const model::Model& model, ChatOptions options,
                                                   const LogSink& log) {
  ChatSource source = FindChatSource(name, model.chat_template, log);
  if (source.chat_template.empty()) return std::optional<ChatEncoder>();
  ALT_ASSIGN_OR_RETURN(ChatEncoder encoder, ChatEncoder::Create(std::move(source), *model.tokenizer,
                                                                std::move(options), log));
  return std::optional(std::move(encoder));
}

}  // namespace altteul::tools
