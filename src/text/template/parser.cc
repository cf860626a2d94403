// SPDX-License-Identifier: Apache-2.0

#include "text/template/parser.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "text/template/expression_parser.h"

namespace altteul::text::jinja {
namespace {

using StatementPtr = std::unique_ptr<Statement>;
using EndTags = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  StatementParser(std::vector<Token> tokens, const TemplateLimits& limits)
      : in_(std::move(tokens), limits) {}

  Result<StatementList> ParseAll() { return ParseBody({}); }

 private:
  // Statements up to one of `end_tags`, whose name is then the current token.
  Result<StatementList> ParseBody(EndTags end_tags) {
    const ExpressionParser::Level level(in_);
    if (!level.ok()) return in_.TooDeep();
    StatementList body;
    while (in_.current().type != TokenType::kEnd) {
      const TokenType type = in_.current().type;
      if (type == TokenType::kData) {
        body.push_back(ParseText());
        continue;
      }
      in_.Next();
      if (type == TokenType::kVariableBegin) {
        ALT_ASSIGN_OR_RETURN(StatementPtr print, ParsePrint());
        body.push_back(std::move(print));
        continue;
      }
      for (const std::string_view tag : end_tags) {
        if (in_.IsName(tag)) return body;
      }
      ALT_ASSIGN_OR_RETURN(StatementPtr statement, ParseTag(end_tags));
      ALT_RETURN_IF_ERROR(in_.Expect(TokenType::kBlockEnd, "end of statement block"));
      body.push_back(std::move(statement));
    }
    if (end_tags.size() == 0) return body;
    return in_.Error("unexpected end of template, expected '" + std::string(*end_tags.begin()) +
                     "'");
  }

  // A body that begins after the tag's end and whose end tag is consumed.
  Result<StatementList> ParseWholeBody(std::string_view end_tag) {
    ALT_RETURN_IF_ERROR(BeginBody());
    ALT_ASSIGN_OR_RETURN(StatementList body, ParseBody({end_tag}));
    in_.Next();
    return body;
  }

  Status BeginBody() {
    in_.SkipOperator(":");  // jinja2 allows Python's colon
    return in_.Expect(TokenType::kBlockEnd, "end of statement block");
  }

  StatementPtr Make(StatementKind kind) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = in_.current().line;
    return statement;
  }

  StatementPtr ParseText() {
    auto statement = Make(StatementKind::kText);
    statement->data = OriginText(in_.current().text, true);
    in_.Next();
    return statement;
  }

  Result<StatementPtr> ParsePrint() {
    auto statement = Make(StatementKind::kPrint);
    ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseTuple(true));
    ALT_RETURN_IF_ERROR(in_.Expect(TokenType::kVariableEnd, "end of print statement"));
    return statement;
  }

  Result<StatementPtr> ParseTag(EndTags end_tags) {
    struct Row {
      std::string_view tag;
      Result<StatementPtr> (StatementParser::*parse)();
    };
    static constexpr Row kRows[] = {
        {"if", &StatementParser::ParseIf},
        {"for", &StatementParser::ParseFor},
        {"set", &StatementParser::ParseSet},
        {"macro", &StatementParser::ParseMacro},
        {"call", &StatementParser::ParseCallTag},
        {"filter", &StatementParser::ParseFilterTag},
        {"with", &StatementParser::ParseWith},
        {"generation", &StatementParser::ParseGeneration},
        {"break", &StatementParser::ParseBreak},
        {"continue", &StatementParser::ParseContinue},
        {"print", &StatementParser::ParsePrintTag},
    };
    if (in_.current().type != TokenType::kName) return in_.Error("tag name expected");
    const std::string tag = in_.current().text;
    for (const Row& row : kRows) {
      if (tag == row.tag) return (this->*row.parse)();
    }
    if (tag == "include") {
      const bool is_named = in_.Ahead().type == TokenType::kString;
      return in_.Unsupported("{% include " + (is_named ? "'" + in_.Ahead().text + "'" : "...") +
                             " %}: that file is no part of the template");
    }
    if (tag.substr(0, 3) == "end" || tag == "else" || tag == "elif") {
      std::string message = "Encountered unknown tag '" + tag + "'";
      if (end_tags.size() > 0) message += ", expected '" + std::string(*end_tags.begin()) + "'";
      return in_.Error(message);
    }
    return in_.Unsupported("Encountered unknown tag '" + tag + "'.");
  }

  Result<StatementPtr> ParseIf() {
    auto statement = Make(StatementKind::kIf);
    in_.Next();
    while (true) {
      Branch branch;
      ALT_ASSIGN_OR_RETURN(branch.condition, in_.ParseTuple(false));
      ALT_RETURN_IF_ERROR(BeginBody());
      ALT_ASSIGN_OR_RETURN(branch.body, ParseBody({"endif", "elif", "else"}));
      statement->branches.push_back(std::move(branch));
      if (!in_.SkipName("elif")) break;
    }
    if (in_.SkipName("else")) {
      ALT_ASSIGN_OR_RETURN(statement->body, ParseWholeBody("endif"));
    } else {
      in_.Next();
    }
    return statement;
  }

  Result<StatementPtr> ParseFor() {
    auto statement = Make(StatementKind::kFor);
    in_.Next();
    ALT_ASSIGN_OR_RETURN(statement->target, in_.ParseTarget(false, "in"));
    ALT_RETURN_IF_ERROR(in_.ExpectName("in"));
    ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseTuple(false, "recursive"));
    if (in_.SkipName("if")) {
      ALT_ASSIGN_OR_RETURN(statement->condition, in_.ParseExpression());
    }
    statement->recursive = in_.SkipName("recursive");
    ALT_RETURN_IF_ERROR(BeginBody());
    ++n_loops_;
    ALT_ASSIGN_OR_RETURN(statement->body, ParseBody({"endfor", "else"}));
    --n_loops_;
    if (in_.SkipName("else")) {
      ALT_ASSIGN_OR_RETURN(statement->else_body, ParseWholeBody("endfor"));
    } else {
      in_.Next();
    }
    return statement;
  }

  Result<StatementPtr> ParseSet() {
    auto statement = Make(StatementKind::kSet);
    in_.Next();
    ALT_ASSIGN_OR_RETURN(statement->target, in_.ParseTarget(true));
    if (in_.SkipOperator("=")) {
      ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseTuple(true));
      return statement;
    }
    statement->kind = StatementKind::kSetBlock;
    if (in_.IsOperator("|")) {
      ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseFilters(nullptr, false));
    }
    ALT_ASSIGN_OR_RETURN(statement->body, ParseWholeBody("endset"));
    return statement;
  }

  Status ParseParameters(Statement& statement) {
    ALT_RETURN_IF_ERROR(in_.ExpectOperator("("));
    while (!in_.IsOperator(")")) {
      if (!statement.parameters.empty()) ALT_RETURN_IF_ERROR(in_.ExpectOperator(","));
      Parameter parameter;
      parameter.name = in_.current().text;
      ALT_RETURN_IF_ERROR(in_.Expect(TokenType::kName, "name"));
      if (in_.SkipOperator("=")) {
        ALT_ASSIGN_OR_RETURN(parameter.default_value, in_.ParseExpression());
      } else if (!statement.parameters.empty() &&
                 statement.parameters.back().default_value != nullptr) {
        return in_.Error("non-default argument follows default argument");
      }
      statement.parameters.push_back(std::move(parameter));
    }
    in_.Next();
    return Status();
  }

  // The body of a macro or caller, and which of the special names it reads.
  Status ParseFunctionBody(Statement& statement, std::string_view end_tag) {
    std::set<std::string> outer = std::exchange(in_.names_read(), {});
    const int outer_loops = std::exchange(n_loops_, 0);
    ALT_ASSIGN_OR_RETURN(statement.body, ParseWholeBody(end_tag));
    n_loops_ = outer_loops;
    const auto reads = [&](std::string_view name) {
      return in_.names_read().count(std::string(name)) > 0;
    };
    const auto takes = [&](std::string_view name) {
      return std::any_of(statement.parameters.begin(), statement.parameters.end(),
                         [name](const Parameter& parameter) { return parameter.name == name; });
    };
    statement.uses_varargs = reads("varargs") && !takes("varargs");
    statement.uses_kwargs = reads("kwargs") && !takes("kwargs");
    statement.uses_caller = reads("caller") && !takes("caller");
    in_.names_read().merge(outer);
    return Status();
  }

  Result<StatementPtr> ParseMacro() {
    auto statement = Make(StatementKind::kMacro);
    in_.Next();
    statement->text = in_.current().text;
    ALT_RETURN_IF_ERROR(in_.Expect(TokenType::kName, "name"));
    ALT_RETURN_IF_ERROR(ParseParameters(*statement));
    ALT_RETURN_IF_ERROR(ParseFunctionBody(*statement, "endmacro"));
    return statement;
  }

  Result<StatementPtr> ParseCallTag() {
    auto statement = Make(StatementKind::kCall);
    in_.Next();
    statement->text = "caller";
    if (in_.IsOperator("(")) ALT_RETURN_IF_ERROR(ParseParameters(*statement));
    ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseExpression());
    if (statement->value->kind != ExpressionKind::kCall) return in_.Error("expected call");
    ALT_RETURN_IF_ERROR(ParseFunctionBody(*statement, "endcall"));
    return statement;
  }

  Result<StatementPtr> ParseFilterTag() {
    auto statement = Make(StatementKind::kFilter);
    in_.Next();
    ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseFilters(nullptr, true));
    ALT_ASSIGN_OR_RETURN(statement->body, ParseWholeBody("endfilter"));
    return statement;
  }

  Result<StatementPtr> ParseWith() {
    auto statement = Make(StatementKind::kWith);
    in_.Next();
    while (in_.current().type == TokenType::kName) {
      ALT_ASSIGN_OR_RETURN(ExpressionPtr target, in_.ParseTarget(false));
      ALT_RETURN_IF_ERROR(in_.ExpectOperator("="));
      ALT_ASSIGN_OR_RETURN(ExpressionPtr value, in_.ParseExpression());
      statement->bindings.emplace_back(std::move(target), std::move(value));
      if (!in_.SkipOperator(",")) break;
    }
    ALT_ASSIGN_OR_RETURN(statement->body, ParseWholeBody("endwith"));
    return statement;
  }

  // Marks what the model itself said; changes nothing in the text.
  Result<StatementPtr> ParseGeneration() {
    auto statement = Make(StatementKind::kScope);
    in_.Next();
    const int outer_loops = std::exchange(n_loops_, 0);
    ALT_ASSIGN_OR_RETURN(statement->body, ParseWholeBody("endgeneration"));
    n_loops_ = outer_loops;
    return statement;
  }

  Result<StatementPtr> ParseLoopControl(StatementKind kind) {
    auto statement = Make(kind);
    if (n_loops_ == 0) return in_.Error("'" + in_.current().text + "' outside of a loop");
    in_.Next();
    return statement;
  }
  Result<StatementPtr> ParseBreak() { return ParseLoopControl(StatementKind::kBreak); }
  Result<StatementPtr> ParseContinue() { return ParseLoopControl(StatementKind::kContinue); }

  Result<StatementPtr> ParsePrintTag() {
    auto statement = Make(StatementKind::kPrint);
    in_.Next();
    ALT_ASSIGN_OR_RETURN(statement->value, in_.ParseTuple(true));
    return statement;
  }

  ExpressionParser in_;
  int n_loops_ = 0;
};

}  // namespace

Result<StatementList> ParseTemplate(std::string_view source, const TemplateLimits& limits) {
  ALT_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return StatementParser(std::move(tokens), limits).ParseAll();
}

}  // namespace altteul::text::jinja
