// SPDX-License-Identifier: Apache-2.0

// A conversation over standard input and output: a line is a message, /help tells the commands.

#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "text/chat_encoder.h"
#include "tools/answer.h"

namespace altteul::tools {

class ChatLoop {
 public:
  /// @param first_messages  what every conversation begins with: a system message, or nothing
  /// `encoder` and what `answerer` names must outlive it.
  ChatLoop(const text::ChatEncoder& encoder, const Answerer& answerer,
           nlohmann::ordered_json first_messages);

  /// Until the input ends or /bye. @return kCancelled after Ctrl-C; what a model or a prompt that
  /// does not fit gives, where nobody is there to say something else
  Status Run();

 private:
  struct Input {
    std::string text;
    bool quoted = false;  // between """, so no command
  };

  bool ReadLine(std::string* line);
  bool ReadInput(Input* input);
  Result<bool> Answer(const std::string& text);
  Status SetPrompt() const;
  Result<bool> ObeyCommand(const std::string& typed);
  Status Save(const std::string& path) const;

  const text::ChatEncoder& encoder_;
  const Answerer& answerer_;
  const nlohmann::ordered_json first_messages_;
  nlohmann::ordered_json messages_;
  const bool watched_;  // a person types
  bool begun_ = false;  // a line was read
};

}  // namespace altteul::tools
