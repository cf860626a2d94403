// SPDX-License-Identifier: Apache-2.0

// A tree of Go's template language as Jinja source.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "text/ollama/syntax_tree.h"
#include "text/ollama/value_types.h"

namespace altteul::text::ollama {

class Translator {
 public:
  enum class Mode : uint8_t {
    kMessages,  ///< reads chat.messages and chat.system
    kTurn,      ///< reads system, prompt, response and first: one turn
  };

  /// @param thinks  whether the template reads .Thinking: Ollama then asks the model to think
  Translator(Mode mode, bool thinks) : mode_(mode), thinks_(thinks) {}

  /// @return kUnsupported with the line
  Result<std::string> Translate(const NodeList& nodes);

 private:
  struct Variable {
    std::string name;  ///< Go's
    Typed value;       ///< an attribute of the namespace v, because a block may assign it
  };

  Status TranslateList(const NodeList& nodes);
  Status TranslateNode(const Node& node);
  Status TranslateAction(const Node& node);
  Status TranslateIf(const Node& node);
  Status TranslateWith(const Node& node);
  Status TranslateRange(const Node& node);
  /// A body with its own variables and dot.
  Status TranslateBody(const NodeList& nodes, Typed dot);

  Result<Typed> ValueOf(const Pipe& pipe);
  Result<Typed> ValueOf(const Command& command, const Typed* last);
  Result<Typed> ValueOf(const Operand& operand);
  Result<Typed> NumberOf(const std::string& text) const;
  Result<Typed> FieldOf(const Typed& owner, const std::string& name) const;
  Result<Typed> RootField(const std::string& name) const;

  Status Declare(const std::string& name, const Typed& value);
  Status Assign(const std::string& name, const Typed& value);
  std::string FreshName(const char* letter) { return letter + std::to_string(++n_names_); }
  void Write(const std::string& line) { out_ += line + "\n"; }
  void WriteTag(const std::string& tag) { Write("{%- " + tag + " -%}"); }
  Status Unsupported(const std::string& what) const;

  const Mode mode_;
  const bool thinks_;
  std::string out_;
  std::vector<Variable> variables_;
  Typed dot_{"", Type::kRoot};
  uint32_t line_ = 0;
  uint32_t n_names_ = 0;
};

}  // namespace altteul::text::ollama
