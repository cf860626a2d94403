// SPDX-License-Identifier: Apache-2.0

// What may follow a value: attributes, subscripts, calls, filters, tests.

#include <utility>

#include "text/template/expression_parser.h"

namespace altteul::text::jinja {

Result<ExpressionPtr> ExpressionParser::ParsePostfix(ExpressionPtr node) {
  while (true) {
    if (IsOperator(".")) {
      ALT_ASSIGN_OR_RETURN(node, ParseDot(std::move(node)));
    } else if (IsOperator("[")) {
      ALT_ASSIGN_OR_RETURN(node, ParseBrackets(std::move(node)));
    } else if (IsOperator("(")) {
      ALT_ASSIGN_OR_RETURN(node, ParseCall(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::ParseFiltersAndTests(ExpressionPtr node) {
  while (true) {
    if (IsOperator("|")) {
      ALT_ASSIGN_OR_RETURN(node, ParseFilters(std::move(node), false));
    } else if (IsName("is")) {
      ALT_ASSIGN_OR_RETURN(node, ParseTest(std::move(node)));
    } else if (IsOperator("(")) {
      ALT_ASSIGN_OR_RETURN(node, ParseCall(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::ParseDot(ExpressionPtr node) {
  auto access = Make(ExpressionKind::kAttribute);
  Next();
  access->parts.push_back(std::move(node));
  if (current().type == TokenType::kName) {
    access->text = current().text;
  } else if (current().type == TokenType::kInteger) {
    access->kind = ExpressionKind::kItem;
    auto index = Make(ExpressionKind::kConstant);
    index->constant = Value(current().integer);
    access->parts.push_back(std::move(index));
  } else {
    return Error("expected name or number");
  }
  Next();
  return Finish(std::move(access));
}

Result<ExpressionPtr> ExpressionParser::ParseBrackets(ExpressionPtr node) {
  auto access = Make(ExpressionKind::kItem);
  Next();
  access->parts.push_back(std::move(node));
  ExpressionPtr begin;
  if (!IsOperator(":")) {
    ALT_ASSIGN_OR_RETURN(begin, ParseExpression());
  }
  if (IsOperator(",")) return Unsupported("a subscript with a comma is not supported");
  access->parts.push_back(std::move(begin));
  if (SkipOperator(":")) {
    access->kind = ExpressionKind::kSlice;
    for (int part = 0; part < 2; ++part) {
      ExpressionPtr bound;
      if (!IsOperator(":") && !IsOperator("]")) {
        ALT_ASSIGN_OR_RETURN(bound, ParseExpression());
      }
      access->parts.push_back(std::move(bound));
      if (part == 0) SkipOperator(":");
    }
  }
  ALT_RETURN_IF_ERROR(ExpectOperator("]"));
  return Finish(std::move(access));
}

Result<ExpressionPtr> ExpressionParser::ParseCall(ExpressionPtr node) {
  auto call = Make(ExpressionKind::kCall);
  call->parts.push_back(std::move(node));
  ALT_ASSIGN_OR_RETURN(call->arguments, ParseArguments());
  return Finish(std::move(call));
}

Result<CallArguments> ExpressionParser::ParseArguments() {
  ALT_RETURN_IF_ERROR(ExpectOperator("("));
  CallArguments arguments;
  const auto misplaced = [this] { return Error("invalid syntax for function call expression"); };
  for (bool first = true; !IsOperator(")"); first = false) {
    if (!first) {
      ALT_RETURN_IF_ERROR(ExpectOperator(","));
      if (IsOperator(")")) break;
    }
    if (arguments.star_star != nullptr) return misplaced();
    if (SkipOperator("*")) {
      if (arguments.star != nullptr) return misplaced();
      ALT_ASSIGN_OR_RETURN(arguments.star, ParseExpression());
    } else if (SkipOperator("**")) {
      ALT_ASSIGN_OR_RETURN(arguments.star_star, ParseExpression());
    } else if (current().type == TokenType::kName && Ahead().type == TokenType::kOperator &&
               Ahead().text == "=") {
      std::string name = current().text;
      Next();
      Next();
      ALT_ASSIGN_OR_RETURN(ExpressionPtr value, ParseExpression());
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (arguments.star != nullptr || !arguments.named.empty()) return misplaced();
      ALT_ASSIGN_OR_RETURN(ExpressionPtr value, ParseExpression());
      arguments.positional.push_back(std::move(value));
    }
  }
  Next();
  return arguments;
}

Result<std::string> ExpressionParser::ParseDottedName() {
  std::string name = current().text;
  ALT_RETURN_IF_ERROR(Expect(TokenType::kName, "name"));
  while (SkipOperator(".")) {
    name += "." + current().text;
    ALT_RETURN_IF_ERROR(Expect(TokenType::kName, "name"));
  }
  return name;
}

Result<ExpressionPtr> ExpressionParser::ParseFilters(ExpressionPtr node, bool starts_inline) {
  while (starts_inline || SkipOperator("|")) {
    starts_inline = false;
    auto filter = Make(ExpressionKind::kFilter);
    const Status unknown = Unsupported("No filter named '" + current().text + "'.");
    ALT_ASSIGN_OR_RETURN(filter->text, ParseDottedName());
    filter->builtin = FindFilter(filter->text);
    if (filter->builtin == nullptr) return unknown;
    filter->parts.push_back(std::move(node));
    if (IsOperator("(")) {
      ALT_ASSIGN_OR_RETURN(filter->arguments, ParseArguments());
    }
    ALT_ASSIGN_OR_RETURN(node, Finish(std::move(filter)));
  }
  return node;
}

bool ExpressionParser::AtTestArgument() const {
  switch (current().type) {
    case TokenType::kString:
    case TokenType::kInteger:
    case TokenType::kFloat:
      return true;
    case TokenType::kName:
      return !IsName("else") && !IsName("or") && !IsName("and");
    default:
      return IsOperator("[") || IsOperator("{");
  }
}

Result<ExpressionPtr> ExpressionParser::ParseTest(ExpressionPtr node) {
  auto test = Make(ExpressionKind::kTest);
  Next();
  const bool negated = SkipName("not");
  const Status unknown = Unsupported("No test named '" + current().text + "'.");
  ALT_ASSIGN_OR_RETURN(test->text, ParseDottedName());
  test->builtin = FindTest(test->text);
  if (test->builtin == nullptr) return unknown;
  test->parts.push_back(std::move(node));
  if (IsOperator("(")) {
    ALT_ASSIGN_OR_RETURN(test->arguments, ParseArguments());
  } else if (AtTestArgument()) {
    if (IsName("is")) return Error("You cannot chain multiple tests with is");
    ALT_ASSIGN_OR_RETURN(ExpressionPtr argument, ParsePrimary());
    ALT_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    test->arguments.positional.push_back(std::move(argument));
  }
  auto negation = Make(ExpressionKind::kNot);
  ALT_ASSIGN_OR_RETURN(ExpressionPtr finished, Finish(std::move(test)));
  if (!negated) return finished;
  negation->parts.push_back(std::move(finished));
  return Finish(std::move(negation));
}

}  // namespace altteul::text::jinja
