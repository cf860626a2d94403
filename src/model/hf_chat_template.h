// SPDX-License-Identifier: Apache-2.0

// Where a Hugging Face folder keeps its chat template. Over the years it has been a key of
// tokenizer_config.json, a key of a processor's chat_template.json, and a file of its own.

#pragma once

#include <string>

#include "base/sinks.h"
#include "base/status.h"

namespace altteul::model {

/// The first that is there of what transformers 5 looks at (AutoTokenizer's places, then
/// AutoProcessor's):
///
///   additional_chat_templates/default.jinja
///   chat_template.jinja
///   chat_template of tokenizer_config.json: a text, or a list of which the one named "default"
///   chat_template of chat_template.json, then of processor_config.json: a text, or an object by
///   name
///
/// A template that is nothing but {% include 'chat_template.jinja' %} is that file.
/// @param log  hears of templates that are there without one named "default"
/// @return empty where there is none; what reading a file returns
Result<std::string> ReadHfChatTemplate(const std::string& folder, const LogSink& log);

}  // namespace altteul::model
