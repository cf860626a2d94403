// SPDX-License-Identifier: Apache-2.0

// The functions of Go's templates and Ollama's own (json, currentDate), each as a Jinja expression.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/ollama/value_types.h"

namespace altteul::text::ollama {

/// @return kUnsupported for a function or types that are not known here, without the line
Result<Typed> CallFunction(const std::string& name, const std::vector<Typed>& arguments);

/// Whether a value counts as true, as a Jinja expression. Structures always do.
std::string Condition(const Typed& value);

/// A Jinja string literal.
std::string Quoted(std::string_view text);

}  // namespace altteul::text::ollama
