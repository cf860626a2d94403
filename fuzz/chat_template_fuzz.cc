// SPDX-License-Identifier: Apache-2.0

// Any bytes may be a template: none may crash, hang or lose track of what it wrote.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using altteul::text::ChatTemplate;
  static const auto* const context = new nlohmann::ordered_json(nlohmann::ordered_json::parse(
      R"({"messages": [{"role": "user", "content": "héllo <|end|>"},
                       {"role": "assistant", "content": null, "tool_calls": [{"id": 1.5}]}],
          "tools": [], "add_generation_prompt": true, "bos_token": "<s>", "__now": 1721997296})"));
  altteul::text::TemplateLimits limits;
  limits.max_steps = 20'000;
  limits.max_depth = 50;
  limits.max_output_bytes = 1 << 16;
  limits.max_value_bytes = 1 << 20;
  auto parsed =
      ChatTemplate::Parse(std::string_view(reinterpret_cast<const char*>(data), size), limits);
  if (!parsed.ok()) return 0;
  auto rendered = parsed.value().Render(*context);
  if (!rendered.ok()) return 0;
  size_t length = 0;
  bool previous = true;
  bool first = true;
  for (const auto& span : rendered.value().spans) {
    if (span.length == 0 || (!first && span.from_template == previous)) std::abort();
    previous = span.from_template;
    first = false;
    length += span.length;
  }
  if (length != rendered.value().text.size()) std::abort();
  return 0;
}
