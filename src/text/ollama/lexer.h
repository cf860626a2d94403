// SPDX-License-Identifier: Apache-2.0

// Template source to texts and actions, with Go's white space control applied: "{{- " drops the
// space before it, " -}}" the space behind it. Comments are gone.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::text::ollama {

enum class TokenType : uint8_t {
  kField,       ///< .Name: text is the name
  kDot,         ///< .
  kVariable,    ///< $name: text with the "$"
  kIdentifier,  ///< keywords and functions
  kText,        ///< a string, escapes resolved
  kNumber,
  kOperator,  ///< ( ) | , := =
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;
  bool after_space = false;  ///< "$x .Name" are two operands, "$x.Name" is one
};

struct Item {
  bool is_action = false;
  uint32_t line = 1;
  std::string text;           ///< between actions
  std::vector<Token> tokens;  ///< of an action, the last of type kEnd
};

/// @return kCorruptFile with the line
Result<std::vector<Item>> Tokenize(std::string_view source);

}  // namespace altteul::text::ollama
