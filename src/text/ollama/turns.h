// SPDX-License-Identifier: Apache-2.0

// What Ollama does around a template that does not read .Messages: the template runs once a turn,
// and the last turn ends behind the first {{ .Response }}, where the model goes on.

#pragma once

#include <string_view>

#include "text/ollama/syntax_tree.h"

namespace altteul::text::ollama {

/// Whether a pipe of `nodes` names this field or variable; ASCII case does not count, as in Ollama.
bool Reads(const NodeList& nodes, std::string_view name);

/// Removes what follows the first action that writes .Response.
void CutBehindResponse(NodeList& nodes);

/// Adds {{ .Response }} at the end.
void AppendResponse(NodeList& nodes);

}  // namespace altteul::text::ollama
