#include "tools/chat.h"

#include <ctime>
#include <utility>

namespace altteul::tools {

using nlohmann::ordered_json;

Result<ChatEncoder> ChatEncoder::Create(const std::string& source,
                                        const text::Tokenizer& tokenizer) {
  auto parsed = text::ChatTemplate::Parse(source);
  if (!parsed.ok()) {
    return Status(parsed.status().code(),
                  "the model's chat template: " + parsed.status().message() +
                      " (--raw continues a prompt without it)");
  }
  return ChatEncoder(std::move(parsed).value(), tokenizer);
}

Result<std::vector<text::TokenId>> ChatEncoder::Encode(const ordered_json& messages,
                                                       size_t* n_dropped_bytes) const {
  const text::TokenizerSpec& spec = tokenizer_->spec();
  ordered_json context = {{"messages", messages},
                          {"add_generation_prompt", true},
                          {"__now", static_cast<int64_t>(std::time(nullptr))}};
  if (spec.bos) context["bos_token"] = tokenizer_->TokenBytes(*spec.bos, true);
  if (spec.eos) context["eos_token"] = tokenizer_->TokenBytes(*spec.eos, true);
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

}  // namespace altteul::tools
