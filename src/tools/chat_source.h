// SPDX-License-Identifier: Apache-2.0

// What a model brings for a chat: its template, and what else its owner set beside it.

#pragma once

#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "hub/other_stores.h"

namespace altteul::tools {

struct ChatSource {
  std::string chat_template;      ///< Jinja; empty: the model has none
  std::string system;             ///< system message where a chat has none of its own; may be empty
  std::vector<std::string> stop;  ///< texts that end an answer
};

/// Of a model in Ollama's store the template layer is translated and wins, because Ollama runs that
/// and its owner may have written it against what the file says; `log` hears of it where the two
/// give different texts. The template inside the model is used everywhere else, where both say the
/// same, and where the layer cannot be translated.
/// @param own_template  the one inside the model, may be empty
/// @param log  hears of everything that lies beside the model and is not used, and why
ChatSource ChatSourceOf(const std::string& own_template, const hub::StoredModel& stored,
                        const LogSink& log);

/// The same for a model by the name a verb was given: only "ollama:..." has anything beside it.
ChatSource FindChatSource(const std::string& model, const std::string& own_template,
                          const LogSink& log);

}  // namespace altteul::tools
