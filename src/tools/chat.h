// SPDX-License-Identifier: Apache-2.0

// Turns a conversation into token ids with the model's own chat template.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "model/model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "tools/chat_source.h"

namespace altteul::tools {

/// A moment and how far local time is ahead of UTC there and then.
struct WallTime {
  int64_t unix_seconds = 0;
  int64_t utc_offset_seconds = 0;
};
/// Of this machine, in the zone that TZ names.
WallTime LocalNow();

struct ChatOptions {
  /// What the template may read besides the conversation: {"enable_thinking": false}.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  std::function<WallTime()> now = LocalNow;
};

/// "NAME=VALUE" as --template-var takes it. VALUE is JSON (true, 3, "text", [1]) or one of Python's
/// words None, True and False, else a text as it stands.
/// @return kInvalidArgument for what has no name, or the name of the conversation itself
Result<nlohmann::ordered_json> ParseTemplateVariables(const std::vector<std::string>& settings);

/// Names that the template reads besides those that every chat gives it, ascending.
std::vector<std::string> ChosenVariables(const text::ChatTemplate& chat_template);

class ChatEncoder {
 public:
  /// @param source  the model's template in `chat_template`, not empty
  /// @param log  hears of variables that the template does not read
  /// @return what ChatTemplate::Parse returns
  static Result<ChatEncoder> Create(ChatSource source, const text::Tokenizer& tokenizer,
                                    ChatOptions options, const LogSink& log);

  /// @param messages  [{"role": ..., "content": ...}, ...]
  /// Special tokens are parsed only where the template itself wrote them; BOS is added where the
  /// model wants one and the template did not write it.
  /// @param n_dropped_bytes  as Tokenizer::EncodeOptions has it; may be null
  Result<std::vector<text::TokenId>> Encode(const nlohmann::ordered_json& messages,
                                            size_t* n_dropped_bytes) const;

  /// The system message and stop texts that the model brings.
  const ChatSource& source() const { return source_; }

 private:
  ChatEncoder(text::ChatTemplate chat_template, ChatSource source, const text::Tokenizer& tokenizer,
              ChatOptions options)
      : template_(std::move(chat_template)),
        source_(std::move(source)),
        tokenizer_(&tokenizer),
        options_(std::move(options)) {}

  text::ChatTemplate template_;
  ChatSource source_;
  const text::Tokenizer* tokenizer_;
  ChatOptions options_;
};

/// The encoder of a loaded model, nothing where it has no template anywhere.
/// @param name  as the verb was given it
Result<std::optional<ChatEncoder>> MakeChatEncoder(const std::string& name,
                                                   const model::Model& model, ChatOptions options,
                                                   const LogSink& log);

}  // namespace altteul::tools
