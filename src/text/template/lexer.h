// SPDX-License-Identifier: Apache-2.0

// Template source to tokens, with Jinja's whitespace control applied.
//
// The rules are those of jinja2's lexer with trim_blocks and lstrip_blocks on: the newline after a
// block tag or comment is dropped, spaces before one that starts a line are dropped, "-" drops all
// space on its side, "+" keeps what would be dropped.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::text::jinja {

enum class TokenType : uint8_t {
  kData,           ///< text between tags
  kBlockBegin,     ///< {%
  kBlockEnd,       ///< %}
  kVariableBegin,  ///< {{
  kVariableEnd,    ///< }}
  kName,
  kString,   ///< text: with escapes resolved
  kInteger,  ///< integer
  kFloat,    ///< real
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;
  int64_t integer = 0;
  double real = 0;
  uint32_t line = 1;
  uint32_t column = 1;  ///< [bytes] from 1
};

/// @return the tokens, the last of type kEnd; kCorruptFile with line and column
Result<std::vector<Token>> Tokenize(std::string_view source);

}  // namespace altteul::text::jinja
