// Turns a conversation into token ids with the model's own chat template.

#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace altteul::tools {

class ChatEncoder {
 public:
  /// @param source  the model's template
  /// @return what ChatTemplate::Parse returns
  static Result<ChatEncoder> Create(const std::string& source, const text::Tokenizer& tokenizer);

  /// @param messages  [{"role": ..., "content": ...}, ...]
  /// Special tokens are parsed only where the template itself wrote them; BOS is added where the
  /// model wants one and the template did not write it.
  /// @param n_dropped_bytes  as Tokenizer::EncodeOptions has it; may be null
  Result<std::vector<text::TokenId>> Encode(const nlohmann::ordered_json& messages,
                                            size_t* n_dropped_bytes) const;

 private:
  ChatEncoder(text::ChatTemplate chat_template, const text::Tokenizer& tokenizer)
      : template_(std::move(chat_template)), tokenizer_(&tokenizer) {}

  text::ChatTemplate template_;
  const text::Tokenizer* tokenizer_;
};

}  // namespace altteul::tools
