// SPDX-License-Identifier: Apache-2.0

// Chat templates of Ollama, written in Go's language, as templates of the Jinja interpreter.
//
// A model that Ollama keeps may have its template in a layer beside the GGUF file and none inside.
// It is translated once; from then on it is a template like any other, with the same limits and the
// same knowledge of which bytes a user wrote. What Ollama does around a template is part of the
// translation: neighbouring messages of one role become one, and templates that do not read
// .Messages run once a turn, the last turn cut behind .Response.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::text {

/// @return a template for ChatTemplate::Parse. kCorruptFile for what is no Go template,
/// kUnsupported
///         for a function or field that is not known here; both with the line.
Result<std::string> TranslateOllamaTemplate(std::string_view source);

}  // namespace altteul::text
