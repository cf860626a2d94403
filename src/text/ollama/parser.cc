// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/parser.h"

#include <string>
#include <utility>

#include "text/ollama/lexer.h"

namespace altteul::text::ollama {
namespace {

using NodePtr = std::unique_ptr<Node>;

Status ErrorAt(uint32_t line, const std::string& what, ErrorCode code = ErrorCode::kCorruptFile) {
  return Status(code, "line " + std::to_string(line) + ": " + what);
}

/// The tokens of one action.
class ActionParser {
 public:
  explicit ActionParser(const Item& item) : item_(item) {}

  const Token& current() const { return item_.tokens[at_]; }
  void Next() {
    if (current().type != TokenType::kEnd) ++at_;
  }
  bool IsWord(std::string_view word) const {
    return current().type == TokenType::kIdentifier && current().text == word;
  }
  bool IsOperator(std::string_view text) const {
    return current().type == TokenType::kOperator && current().text == text;
  }
  bool SkipWord(std::string_view word) {
    if (!IsWord(word)) return false;
    Next();
    return true;
  }
  bool AtEnd() const { return current().type == TokenType::kEnd; }
  Status Error(const std::string& what) const { return ErrorAt(item_.line, what); }
  Status ExpectEnd() const {
    return AtEnd() ? Status() : Error("'" + current().text + "' is not expected here");
  }

  /// A pipe with the variables it declares. @param max_variables  2 in a range
  Result<Pipe> ParsePipe(size_t max_variables, uint32_t depth = 0) {
    if (depth > kMaxDepth) return Error("brackets nest too deeply");
    Pipe pipe;
    pipe.line = item_.line;
    if (max_variables > 0) ALT_RETURN_IF_ERROR(ParseVariables(pipe, max_variables));
    do {
      Command command;
      while (!AtEnd() && !IsOperator("|") && !IsOperator(")")) {
        ALT_ASSIGN_OR_RETURN(Operand operand, ParseOperand(depth));
        command.push_back(std::move(operand));
      }
      if (command.empty()) return Error("a value is missing");
      pipe.commands.push_back(std::move(command));
    } while (SkipOperator("|"));
    return pipe;
  }

 private:
  bool SkipOperator(std::string_view text) {
    if (!IsOperator(text)) return false;
    Next();
    return true;
  }

  // "$i, $m :=", "$x =" or nothing.
  Status ParseVariables(Pipe& pipe, size_t max_variables) {
    const size_t begin = at_;
    while (current().type == TokenType::kVariable) {
      pipe.variables.push_back(current().text);
      Next();
      if (pipe.variables.size() < max_variables && SkipOperator(",")) continue;
      break;
    }
    if (!pipe.variables.empty() && (IsOperator(":=") || IsOperator("="))) {
      pipe.assigns = IsOperator("=");
      Next();
      return Status();
    }
    at_ = begin;
    pipe.variables.clear();
    return Status();
  }

  Result<Operand> ParseOperand(uint32_t depth) {
    Operand operand;
    const Token& token = current();
    operand.text = token.text;
    switch (token.type) {
      case TokenType::kField:
        operand.fields.push_back(token.text);
        break;
      case TokenType::kDot:
        break;
      case TokenType::kVariable:
        operand.kind = OperandKind::kVariable;
        break;
      case TokenType::kText:
        operand.kind = OperandKind::kText;
        break;
      case TokenType::kNumber:
        operand.kind = OperandKind::kNumber;
        break;
      case TokenType::kIdentifier:
        operand.kind = token.text == "true"    ? OperandKind::kTrue
                       : token.text == "false" ? OperandKind::kFalse
                       : token.text == "nil"   ? OperandKind::kNil
                                               : OperandKind::kFunction;
        break;
      default: {
        if (!SkipOperator("(")) return Error("'" + token.text + "' is not expected here");
        operand.kind = OperandKind::kPipe;
        ALT_ASSIGN_OR_RETURN(Pipe pipe, ParsePipe(0, depth + 1));
        operand.pipe = std::make_unique<Pipe>(std::move(pipe));
        if (!IsOperator(")")) return Error("')' is missing");
      }
    }
    Next();
    while (current().type == TokenType::kField && !current().after_space) {
      operand.fields.push_back(current().text);
      Next();
    }
    return operand;
  }

  const Item& item_;
  size_t at_ = 0;
};

class Parser {
 public:
  explicit Parser(std::vector<Item> items) : items_(std::move(items)) {}

  Result<NodeList> ParseAll() {
    ALT_ASSIGN_OR_RETURN(NodeList nodes, ParseList(0));
    if (at_ == items_.size()) return nodes;
    return ErrorAt(items_[at_].line, "{{" + items_[at_].tokens[0].text + "}} without a beginning");
  }

 private:
  // Nodes up to an {{end}} or {{else}}, which is then the current item, or the end.
  Result<NodeList> ParseList(uint32_t depth) {
    if (depth > kMaxDepth) return ErrorAt(items_[at_ - 1].line, "blocks nest too deeply");
    NodeList nodes;
    for (; at_ < items_.size(); ++at_) {
      const Item& item = items_[at_];
      if (item.is_action) {
        ActionParser action(item);
        if (action.IsWord("end") || action.IsWord("else")) break;
        ALT_ASSIGN_OR_RETURN(NodePtr node, ParseAction(action, item.line, depth));
        nodes.push_back(std::move(node));
        continue;
      }
      auto node = std::make_unique<Node>();
      node->line = item.line;
      node->text = item.text;
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  Result<NodePtr> ParseAction(ActionParser& action, uint32_t line, uint32_t depth) {
    auto node = std::make_unique<Node>();
    node->line = line;
    for (const char* word : {"define", "template", "block"}) {
      if (action.IsWord(word)) {
        return ErrorAt(line, "{{" + std::string(word) + "}} is not supported",
                       ErrorCode::kUnsupported);
      }
    }
    if (action.IsWord("break") || action.IsWord("continue")) {
      node->kind = action.IsWord("break") ? NodeKind::kBreak : NodeKind::kContinue;
      if (n_ranges_ == 0) return action.Error("'" + action.current().text + "' outside of a range");
      action.Next();
      ALT_RETURN_IF_ERROR(action.ExpectEnd());
      return node;
    }
    if (action.IsWord("if") || action.IsWord("range") || action.IsWord("with")) {
      return ParseBlock(action, line, depth);
    }
    node->kind = NodeKind::kAction;
    ALT_ASSIGN_OR_RETURN(node->pipe, action.ParsePipe(1));
    ALT_RETURN_IF_ERROR(action.ExpectEnd());
    return node;
  }

  // An if, range or with whose word is the current token. Afterwards its {{end}} is the current
  // item.
  Result<NodePtr> ParseBlock(ActionParser& action, uint32_t line, uint32_t depth) {
    auto node = std::make_unique<Node>();
    node->line = line;
    const bool is_range = action.IsWord("range");
    node->kind = is_range                ? NodeKind::kRange
                 : action.IsWord("with") ? NodeKind::kWith
                                         : NodeKind::kIf;
    action.Next();
    ALT_ASSIGN_OR_RETURN(node->pipe, action.ParsePipe(is_range ? 2 : 1));
    ALT_RETURN_IF_ERROR(action.ExpectEnd());
    ++at_;
    n_ranges_ += is_range ? 1 : 0;
    ALT_ASSIGN_OR_RETURN(node->body, ParseList(depth + 1));
    n_ranges_ -= is_range ? 1 : 0;
    if (at_ == items_.size()) return ErrorAt(line, "the block has no {{end}}");
    const Item& closing = items_[at_];
    ActionParser last(closing);
    if (last.SkipWord("end")) {
      ALT_RETURN_IF_ERROR(last.ExpectEnd());
      return node;
    }
    last.Next();
    // {{else if}} and {{else with}} share the {{end}} of what they continue.
    if (last.IsWord("if") || last.IsWord("with")) {
      if (depth >= kMaxDepth) return ErrorAt(closing.line, "blocks nest too deeply");
      ALT_ASSIGN_OR_RETURN(NodePtr other, ParseBlock(last, closing.line, depth + 1));
      node->else_body.push_back(std::move(other));
      return node;
    }
    ALT_RETURN_IF_ERROR(last.ExpectEnd());
    ++at_;
    ALT_ASSIGN_OR_RETURN(node->else_body, ParseList(depth + 1));
    if (at_ == items_.size()) return ErrorAt(line, "the block has no {{end}}");
    ActionParser end(items_[at_]);
    if (!end.SkipWord("end")) return end.Error("{{else}} twice");
    ALT_RETURN_IF_ERROR(end.ExpectEnd());
    return node;
  }

  const std::vector<Item> items_;
  size_t at_ = 0;
  int n_ranges_ = 0;
};

}  // namespace

Result<NodeList> ParseTemplate(std::string_view source) {
  ALT_ASSIGN_OR_RETURN(std::vector<Item> items, Tokenize(source));
  return Parser(std::move(items)).ParseAll();
}

}  // namespace altteul::text::ollama
