// SPDX-License-Identifier: Apache-2.0

// Tokens to a syntax tree, by jinja2's grammar.

#pragma once

#include <string_view>

#include "base/status.h"
#include "text/template/limits.h"
#include "text/template/syntax_tree.h"

namespace altteul::text::jinja {

/// @return kCorruptFile with line and column, kUnsupported for an unknown tag, filter or test
Result<StatementList> ParseTemplate(std::string_view source, const TemplateLimits& limits);

}  // namespace altteul::text::jinja
