// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/translator.h"

#include <algorithm>

#include "text/ollama/functions.h"

namespace altteul::text::ollama {

Result<std::string> Translator::Translate(const NodeList& nodes) {
  WriteTag("set v = namespace()");
  ALT_RETURN_IF_ERROR(TranslateList(nodes));
  return std::move(out_);
}

Status Translator::Unsupported(const std::string& what) const {
  return Status(ErrorCode::kUnsupported, "line " + std::to_string(line_) + ": " + what);
}

Status Translator::TranslateList(const NodeList& nodes) {
  for (const auto& node : nodes) {
    line_ = node->line;
    ALT_RETURN_IF_ERROR(TranslateNode(*node));
  }
  return Status();
}

Status Translator::TranslateNode(const Node& node) {
  switch (node.kind) {
    case NodeKind::kText:
      Write("{{- " + Quoted(node.text) + " -}}");
      return Status();
    case NodeKind::kAction:
      return TranslateAction(node);
    case NodeKind::kIf:
      return TranslateIf(node);
    case NodeKind::kRange:
      return TranslateRange(node);
    case NodeKind::kWith:
      return TranslateWith(node);
    case NodeKind::kBreak:
      WriteTag("break");
      return Status();
    case NodeKind::kContinue:
      WriteTag("continue");
      return Status();
  }
  return Status();
}

Status Translator::TranslateAction(const Node& node) {
  ALT_ASSIGN_OR_RETURN(const Typed value, ValueOf(node.pipe));
  if (!node.pipe.variables.empty()) {
    const std::string& name = node.pipe.variables[0];
    return node.pipe.assigns ? Assign(name, value) : Declare(name, value);
  }
  const std::string_view pattern = PrintPattern(value.type);
  if (pattern.empty()) {
    return Unsupported("how Go prints " + std::string(TypeName(value.type)) + " is not known here");
  }
  Write("{{- " + Filled(pattern, value.text) + " -}}");
  return Status();
}

Status Translator::TranslateBody(const NodeList& nodes, Typed dot) {
  const size_t n_variables = variables_.size();
  Typed outer = std::exchange(dot_, std::move(dot));
  ALT_RETURN_IF_ERROR(TranslateList(nodes));
  dot_ = std::move(outer);
  variables_.resize(n_variables);
  return Status();
}

Status Translator::TranslateIf(const Node& node) {
  const size_t n_variables = variables_.size();
  ALT_ASSIGN_OR_RETURN(const Typed value, ValueOf(node.pipe));
  if (!node.pipe.variables.empty()) ALT_RETURN_IF_ERROR(Declare(node.pipe.variables[0], value));
  WriteTag("if " + Condition(value));
  ALT_RETURN_IF_ERROR(TranslateBody(node.body, dot_));
  if (!node.else_body.empty()) {
    WriteTag("else");
    ALT_RETURN_IF_ERROR(TranslateBody(node.else_body, dot_));
  }
  WriteTag("endif");
  variables_.resize(n_variables);
  return Status();
}

// The dot is the value inside, and what it was in the else part.
Status Translator::TranslateWith(const Node& node) {
  const size_t n_variables = variables_.size();
  ALT_ASSIGN_OR_RETURN(const Typed value, ValueOf(node.pipe));
  if (!node.pipe.variables.empty()) ALT_RETURN_IF_ERROR(Declare(node.pipe.variables[0], value));
  const Typed dot{FreshName("d"), value.type};
  WriteTag("with " + dot.text + " = " + value.text);
  WriteTag("if " + Condition(dot));
  ALT_RETURN_IF_ERROR(TranslateBody(node.body, dot));
  if (!node.else_body.empty()) {
    WriteTag("else");
    ALT_RETURN_IF_ERROR(TranslateBody(node.else_body, dot_));
  }
  WriteTag("endif");
  WriteTag("endwith");
  variables_.resize(n_variables);
  return Status();
}

Status Translator::TranslateRange(const Node& node) {
  const size_t n_variables = variables_.size();
  ALT_ASSIGN_OR_RETURN(const Typed list, ValueOf(node.pipe));
  const ElementRow* row = FindElement(list.type);
  // Nothing is walked over as an empty list is.
  static constexpr ElementRow kNothing = {Type::kNil, Type::kNil, false};
  if (list.type == Type::kNil) row = &kNothing;
  if (row == nullptr) {
    return Unsupported("a range over " + std::string(TypeName(list.type)) + " is not supported");
  }
  if (node.pipe.assigns) return Unsupported("a range that assigns with '=' is not supported");
  const Typed element{FreshName("d"), row->element};
  Typed key{"loop.index0", Type::kNumber};
  if (row->is_map) {
    key = {FreshName("k"), Type::kText};
    WriteTag("for " + key.text + ", " + element.text + " in " + list.text + " | dictsort(true)");
  } else {
    WriteTag("for " + element.text + " in " +
             (list.type == Type::kNil ? std::string("[]") : list.text));
  }
  const auto& names = node.pipe.variables;
  if (names.size() == 2) ALT_RETURN_IF_ERROR(Declare(names[0], key));
  if (!names.empty()) ALT_RETURN_IF_ERROR(Declare(names.back(), element));
  ALT_RETURN_IF_ERROR(TranslateBody(node.body, element));
  variables_.resize(n_variables);
  if (!node.else_body.empty()) {
    WriteTag("else");
    ALT_RETURN_IF_ERROR(TranslateBody(node.else_body, dot_));
  }
  WriteTag("endfor");
  return Status();
}

Status Translator::Declare(const std::string& name, const Typed& value) {
  const std::string place = "v." + FreshName("x");
  WriteTag("set " + place + " = " + value.text);
  variables_.push_back({name, {place, value.type}});
  return Status();
}

Status Translator::Assign(const std::string& name, const Typed& value) {
  const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                  [&](const Variable& each) { return each.name == name; });
  if (found == variables_.rend()) return Unsupported(name + " is not declared");
  if (found->value.type != value.type) {
    return Unsupported(name + " is " + std::string(TypeName(found->value.type)) + " and becomes " +
                       std::string(TypeName(value.type)) + ", which is not supported");
  }
  WriteTag("set " + found->value.text + " = " + value.text);
  return Status();
}

Result<Typed> Translator::ValueOf(const Pipe& pipe) {
  ALT_ASSIGN_OR_RETURN(Typed value, ValueOf(pipe.commands[0], nullptr));
  for (size_t i = 1; i < pipe.commands.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(value, ValueOf(pipe.commands[i], &value));
  }
  return value;
}

// `last` is what the command before gave: the last argument of a function.
Result<Typed> Translator::ValueOf(const Command& command, const Typed* last) {
  if (command[0].kind != OperandKind::kFunction) {
    if (command.size() > 1 || last != nullptr) {
      return Unsupported("a value that is no function gets arguments");
    }
    return ValueOf(command[0]);
  }
  std::vector<Typed> arguments;
  for (size_t i = 1; i < command.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(Typed value, ValueOf(command[i]));
    arguments.push_back(std::move(value));
  }
  if (last != nullptr) arguments.push_back(*last);
  auto called = CallFunction(command[0].text, arguments);
  if (!called.ok()) return Unsupported(called.status().message());
  return called;
}

Result<Typed> Translator::NumberOf(const std::string& text) const {
  constexpr size_t kMostDigits = 18;  // of what surely fits in 64 bits
  const std::string_view digits = std::string_view(text).substr(text[0] == '-' ? 1 : 0);
  const bool is_plain = digits.find_first_not_of("0123456789") == std::string_view::npos &&
                        digits.size() <= kMostDigits && (digits == "0" || digits[0] != '0');
  if (!is_plain) return Unsupported("the number " + text + " is not supported");
  return Typed{digits == text ? text : "(" + text + ")", Type::kNumber};
}

Result<Typed> Translator::ValueOf(const Operand& operand) {
  Typed value;
  switch (operand.kind) {
    case OperandKind::kDot:
      value = dot_;
      break;
    case OperandKind::kVariable: {
      value = {"", Type::kRoot};
      if (operand.text == "$") break;
      const auto found =
          std::find_if(variables_.rbegin(), variables_.rend(),
                       [&](const Variable& each) { return each.name == operand.text; });
      if (found == variables_.rend()) return Unsupported(operand.text + " is not declared");
      value = found->value;
      break;
    }
    case OperandKind::kPipe: {
      ALT_ASSIGN_OR_RETURN(value, ValueOf(*operand.pipe));
      break;
    }
    case OperandKind::kText:
      value = {Quoted(operand.text), Type::kText, operand.text};
      break;
    case OperandKind::kNumber: {
      ALT_ASSIGN_OR_RETURN(value, NumberOf(operand.text));
      break;
    }
    case OperandKind::kTrue:
      value = {"true", Type::kBool};
      break;
    case OperandKind::kFalse:
      value = {"false", Type::kBool};
      break;
    case OperandKind::kNil:
      value = {"none", Type::kNil};
      break;
    case OperandKind::kFunction: {
      // A function in the place of a value has no arguments.
      auto called = CallFunction(operand.text, {});
      if (!called.ok()) return Unsupported(called.status().message());
      value = std::move(called).value();
      break;
    }
  }
  for (const std::string& field : operand.fields) {
    ALT_ASSIGN_OR_RETURN(value, FieldOf(value, field));
  }
  return value;
}

Result<Typed> Translator::FieldOf(const Typed& owner, const std::string& name) const {
  if (owner.type == Type::kRoot) return RootField(name);
  const FieldRow* row = FindField(owner.type, name);
  if (row != nullptr) return Typed{Filled(row->pattern, owner.text), row->type};
  return Unsupported("." + name + " of " + std::string(TypeName(owner.type)) + " is not known");
}

Result<Typed> Translator::RootField(const std::string& name) const {
  struct Row {
    std::string_view name;
    Type type;
    std::string_view of_messages;  // "": nil there
    std::string_view of_turn;
  };
  static constexpr Row kRows[] = {
      {"System", Type::kText, "chat.system", "system"},
      {"Messages", Type::kMessages, "chat.messages", ""},
      {"Tools", Type::kTools, "(tools or [])", ""},
      {"Prompt", Type::kText, "", "prompt"},
      {"Response", Type::kText, "''", "response"},
      {"First", Type::kBool, "", "first"},
      {"Suffix", Type::kText, "", ""},
  };
  for (const Row& row : kRows) {
    if (row.name != name) continue;
    const std::string_view text = mode_ == Mode::kMessages ? row.of_messages : row.of_turn;
    return text.empty() ? Typed{"none", Type::kNil} : Typed{std::string(text), row.type};
  }
  // Names of Jinja templates, so that one switch serves both languages.
  if (name == "Think") {
    const std::string usual = thinks_ ? "true" : "false";
    return Typed{"(enable_thinking if enable_thinking is defined else " + usual + ")", Type::kBool};
  }
  if (name == "IsThinkSet") {
    return Typed{thinks_ ? "true" : "(enable_thinking is defined)", Type::kBool};
  }
  if (name == "ThinkLevel") {
    const std::string usual = thinks_ ? "'medium'" : "''";  // Ollama's word for plain thinking
    return Typed{"(reasoning_effort or " + usual + ")", Type::kText};
  }
  return Unsupported("." + name + " is not known");
}

}  // namespace altteul::text::ollama
