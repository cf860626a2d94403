// SPDX-License-Identifier: Apache-2.0

// A template in Go's language (text/template), as far as Ollama's templates use it.
//
//   {{ if eq .Role "user" }}<|user|>{{ .Content }}{{ end }}
//
// An action holds a pipe: commands joined by "|", each a list of operands of which the first may be
// a function that takes the others.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace altteul::text::ollama {

struct Pipe;

enum class OperandKind : uint8_t {
  kDot,       ///< . or .Field.Field
  kVariable,  ///< $, $name or $name.Field
  kPipe,      ///< (pipe) or (pipe).Field
  kText,      ///< "..." or `...`
  kNumber,
  kTrue,
  kFalse,
  kNil,
  kFunction,  ///< eq, len, json, ...
};

struct Operand {
  OperandKind kind = OperandKind::kDot;
  std::string text;  ///< name of a variable or function, value of a text, digits of a number
  std::vector<std::string> fields;
  std::unique_ptr<Pipe> pipe;
};

using Command = std::vector<Operand>;

struct Pipe {
  uint32_t line = 0;
  std::vector<std::string> variables;  ///< "$x" that this declares or assigns; two in a range
  bool assigns = false;                ///< "=": the variables are there already
  std::vector<Command> commands;
};

enum class NodeKind : uint8_t { kText, kAction, kIf, kRange, kWith, kBreak, kContinue };

struct Node;
using NodeList = std::vector<std::unique_ptr<Node>>;

struct Node {
  NodeKind kind = NodeKind::kText;
  uint32_t line = 0;
  std::string text;  ///< kText
  Pipe pipe;
  NodeList body;
  NodeList else_body;
};

}  // namespace altteul::text::ollama
