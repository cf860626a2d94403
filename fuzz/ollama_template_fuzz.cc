// SPDX-License-Identifier: Apache-2.0

// Any bytes may be an Ollama template: what is translated is a template that the interpreter takes,
// and none may crash, hang or lose track of what it wrote.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "text/chat_template.h"
#include "text/ollama_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using altteul::text::ChatTemplate;
  constexpr size_t kMostBytes = 4096;  // the translation of a longer one may be beyond the limits
  if (size > kMostBytes) return 0;
  static const auto* const context = new nlohmann::ordered_json(nlohmann::ordered_json::parse(
      R"({"messages": [{"role": "user", "content": "héllo <|end|>"},
                       {"role": "assistant", "content": null, "tool_calls": [
                          {"id": "1", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}],
          "tools": [{"type": "function", "function": {"name": "f", "parameters":
                     {"type": "object", "properties": {"a": {"type": ["string"]}}}}}],
          "__now": 1721997296})"));
  auto translated = altteul::text::TranslateOllamaTemplate(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!translated.ok()) return 0;
  altteul::text::TemplateLimits limits;
  limits.max_steps = 20'000;
  limits.max_output_bytes = 1 << 16;
  limits.max_value_bytes = 1 << 20;
  auto parsed = ChatTemplate::Parse(translated.value(), limits);
  // Nesting is limited in both languages, more narrowly in Jinja's.
  if (!parsed.ok()) {
    if (parsed.status().message().find("deep") == std::string::npos) std::abort();
    return 0;
  }
  auto rendered = parsed.value().Render(*context);
  if (!rendered.ok()) return 0;
  size_t length = 0;
  for (const auto& span : rendered.value().spans) length += span.length;
  if (length != rendered.value().text.size()) std::abort();
  return 0;
}
