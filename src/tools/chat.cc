// SPDX-License-Identifier: Apache-2.0

#include "tools/chat.h"

#include <ctime>
#include <utility>

#include "hub/other_stores.h"
#include "tools/hub_environment.h"
#include "tools/ollama_chat.h"

namespace altteul::tools {

text::WallTime LocalNow() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  tzset();  // localtime_r need not look at TZ
  localtime_r(&now, &local);
  return {.unix_seconds = now, .utc_offset_seconds = local.tm_gmtoff};
}

text::ChatSource FindChatSource(const std::string& model, const std::string& own_template,
                                const LogSink& log) {
  hub::StoredModel stored;
  if (model.starts_with(hub::kOllamaScheme)) {
    auto found = hub::FindStored(OtherModelsFromEnvironment(), model);
    if (found.ok()) stored = std::move(found).value();
  }
  return ChatSourceOf(own_template, stored, log);
}

Result<std::optional<text::ChatEncoder>> MakeChatEncoder(const std::string& name,
                                                         const model::Model& model,
                                                         nlohmann::ordered_json variables,
                                                         const LogSink& log) {
  text::ChatSource source = FindChatSource(name, model.chat_template, log);
  if (source.chat_template.empty()) return std::optional<text::ChatEncoder>();
  auto encoder =
      text::ChatEncoder::Create(std::move(source), *model.tokenizer,
                                {.variables = std::move(variables), .now = LocalNow}, log);
  if (!encoder.ok()) {
    return Status(encoder.status().code(),
                  encoder.status().message() + " (--raw continues a prompt without it)");
  }
  return std::optional(std::move(encoder).value());
}

}  // namespace altteul::tools
