// SPDX-License-Identifier: Apache-2.0

// Turns a conversation into token ids with the model's own chat template.

#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "text/chat_source.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/wall_time.h"

namespace altteul::text {

struct ChatOptions {
  /// What the template may read besides the conversation: {"enable_thinking": false}.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  /// Asked once a conversation. Empty: a template that writes the date is refused.
  std::function<WallTime()> now = {};
};

class ChatEncoder {
 public:
  /// @param source  the model's template in `chat_template`, not empty
  /// @param tokenizer  must outlive the encoder
  /// @param log  hears of variables that the template does not read
  /// @return what ChatTemplate::Parse returns
  static Result<ChatEncoder> Create(ChatSource source, const Tokenizer& tokenizer,
                                    ChatOptions options, const LogSink& log);

  /// @param messages  [{"role": ..., "content": ...}, ...]
  /// Special tokens are parsed only where the template itself wrote them; BOS is added where the
  /// model wants one and the template did not write it.
  /// @param n_dropped_bytes  as Tokenizer::EncodeOptions has it; may be null
  Result<std::vector<TokenId>> Encode(const nlohmann::ordered_json& messages,
                                      size_t* n_dropped_bytes) const;

  /// The system message and stop texts that the model brings.
  const ChatSource& source() const { return source_; }

 private:
  ChatEncoder(ChatTemplate chat_template, ChatSource source, const Tokenizer& tokenizer,
              ChatOptions options)
      : template_(std::move(chat_template)),
        source_(std::move(source)),
        tokenizer_(&tokenizer),
        options_(std::move(options)) {}

  nlohmann::ordered_json Context(const nlohmann::ordered_json& messages) const;

  ChatTemplate template_;
  ChatSource source_;
  const Tokenizer* tokenizer_;
  ChatOptions options_;
};

}  // namespace altteul::text
