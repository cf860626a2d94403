// SPDX-License-Identifier: Apache-2.0

// What the values of Ollama's templates are: Go's types, known before anything runs.
//
// Go prints, compares and iterates by type, and stops at a field that a type does not have. Jinja
// would print something. So each expression carries its type, and what is in none of these tables
// is refused when a template is translated.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace altteul::text::ollama {

enum class Type : uint8_t {
  kNil,
  kText,
  kTextLength,  ///< len of a text: bytes in Go, code points in Jinja; only compared with 0
  kBool,
  kNumber,
  kMixed,  ///< and, or of different types: only asked whether it is true
  kRoot,
  kMessages,
  kMessage,
  kImages,
  kToolCalls,
  kToolCall,
  kCallFunction,
  kArguments,
  kTools,
  kTool,
  kToolFunction,
  kParameters,
  kProperties,
  kProperty,
  kPropertyType,
  kTexts,
  kAnyList,
  kAny,
};

struct Typed {
  std::string text;  ///< Jinja expression, in brackets where it is more than a name
  Type type = Type::kNil;
  std::optional<std::string> literal = {};  ///< the text itself, where the template spells it out
};

/// `pattern` with the value for each '@'.
std::string Filled(std::string_view pattern, std::string_view value);

/// Each is null, or empty, where Go or Ollama has no such thing.
struct FieldRow {
  Type owner;
  std::string_view name;  ///< Go's
  Type type;
  std::string_view pattern;  ///< Jinja's, '@' for the owner
};
const FieldRow* FindField(Type owner, std::string_view name);

/// How {{ value }} shows it, as a Jinja expression with '@' for the value.
std::string_view PrintPattern(Type type);
/// How {{ json value }} does.
std::string_view JsonPattern(Type type);

struct ElementRow {
  Type list;
  Type element;
  bool is_map;  ///< walked over by ascending keys
};
const ElementRow* FindElement(Type list);

/// Structures, which Go calls true even when they are empty.
bool IsStructure(Type type);
/// For messages: "a tool call".
std::string_view TypeName(Type type);

/// Jinja macros that the patterns call, in Go's order of keys and with Go's escapes.
std::string_view PrintingMacros();

}  // namespace altteul::text::ollama
