// SPDX-License-Identifier: Apache-2.0

// Go's text/template grammar to a syntax tree.

#pragma once

#include <string_view>

#include "base/status.h"
#include "text/ollama/syntax_tree.h"

namespace altteul::text::ollama {

inline constexpr uint32_t kMaxDepth = 100;  ///< of blocks and brackets inside each other

/// @return kCorruptFile with the line, kUnsupported for define, template and block
Result<NodeList> ParseTemplate(std::string_view source);

}  // namespace altteul::text::ollama
