// SPDX-License-Identifier: Apache-2.0

// What a model of Ollama's store brings for a chat: the layers beside its file, or that file's own.

#pragma once

#include <string>

#include "base/sinks.h"
#include "hub/other_stores.h"
#include "text/chat_source.h"

namespace altteul::tools {

/// Of a model in Ollama's store the template layer is translated and wins, because Ollama runs that
/// and its owner may have written it against what the file says; `log` hears of it where the two
/// give different texts. The template inside the model is used everywhere else, where both say the
/// same, and where the layer cannot be translated.
/// @param own_template  the one inside the model, may be empty
/// @param log  hears of everything that lies beside the model and is not used, and why
text::ChatSource ChatSourceOf(const std::string& own_template, const hub::StoredModel& stored,
                              const LogSink& log);

}  // namespace altteul::tools
