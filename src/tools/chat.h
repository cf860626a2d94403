// SPDX-License-Identifier: Apache-2.0

// The one way from a model to a chat: which template it is given, on this machine's clock.

#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "model/model.h"
#include "text/chat_encoder.h"
#include "text/chat_source.h"
#include "text/wall_time.h"

namespace altteul::tools {

/// The time of this machine, in the zone that TZ names.
text::WallTime LocalNow();

/// What a model brings, by the name a verb was given: only "ollama:..." has anything beside it.
/// @param own_template  the one inside the model, may be empty
/// @param log  hears of everything that lies beside the model and is not used, and why
text::ChatSource FindChatSource(const std::string& model, const std::string& own_template,
                                const LogSink& log);

/// The encoder of a loaded model, nothing where it has no template anywhere.
/// @param name  as the verb was given it
/// @param variables  as text::ChatOptions has them
Result<std::optional<text::ChatEncoder>> MakeChatEncoder(const std::string& name,
                                                         const model::Model& model,
                                                         nlohmann::ordered_json variables,
                                                         const LogSink& log);

}  // namespace altteul::tools
