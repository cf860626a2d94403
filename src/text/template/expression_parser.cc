// SPDX-License-Identifier: Apache-2.0

#include "text/template/expression_parser.h"

#include <algorithm>
#include <utility>

namespace altteul::text::jinja {
namespace {

std::string Describe(const Token& token) {
  switch (token.type) {
    case TokenType::kEnd:
      return "end of template";
    case TokenType::kBlockEnd:
      return "end of statement block";
    case TokenType::kVariableEnd:
      return "end of print statement";
    case TokenType::kString:
      return "string";
    case TokenType::kData:
      return "template data / text";
    default:
      return token.text;
  }
}

std::string PositionOf(const Token& token) {
  return "template line " + std::to_string(token.line) + ", column " +
         std::to_string(token.column) + ": ";
}

}  // namespace

Status ExpressionParser::Error(const std::string& what) const {
  return Status(ErrorCode::kCorruptFile, PositionOf(current()) + what);
}

Status ExpressionParser::Unsupported(const std::string& what) const {
  return Status(ErrorCode::kUnsupported, PositionOf(current()) + what);
}

Status ExpressionParser::TooDeep() const {
  return Error("nested deeper than " + std::to_string(max_depth_) + " levels");
}

bool ExpressionParser::IsOperator(std::string_view text) const {
  return current().type == TokenType::kOperator && current().text == text;
}
bool ExpressionParser::IsName(std::string_view text) const {
  return current().type == TokenType::kName && current().text == text;
}
bool ExpressionParser::SkipOperator(std::string_view text) {
  if (!IsOperator(text)) return false;
  Next();
  return true;
}
bool ExpressionParser::SkipName(std::string_view text) {
  if (!IsName(text)) return false;
  Next();
  return true;
}

Status ExpressionParser::ExpectOperator(std::string_view text) {
  if (SkipOperator(text)) return Status();
  return Error("expected token '" + std::string(text) + "', got '" + Describe(current()) + "'");
}
Status ExpressionParser::ExpectName(std::string_view text) {
  if (SkipName(text)) return Status();
  return Error("expected token '" + std::string(text) + "', got '" + Describe(current()) + "'");
}
Status ExpressionParser::Expect(TokenType type, std::string_view shown) {
  if (current().type == type) {
    Next();
    return Status();
  }
  return Error("expected token '" + std::string(shown) + "', got '" + Describe(current()) + "'");
}

std::unique_ptr<Expression> ExpressionParser::Make(ExpressionKind kind) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = current().line;
  return node;
}

Result<ExpressionPtr> ExpressionParser::Finish(std::unique_ptr<Expression> node) const {
  uint32_t height = 0;
  const auto raise = [&height](const ExpressionPtr& part) {
    if (part != nullptr) height = std::max(height, part->height);
  };
  for (const auto& part : node->parts) raise(part);
  for (const auto& argument : node->arguments.positional) raise(argument);
  for (const auto& argument : node->arguments.named) raise(argument.second);
  raise(node->arguments.star);
  raise(node->arguments.star_star);
  node->height = height + 1;
  if (node->height > max_depth_) return TooDeep();
  return ExpressionPtr(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::Binary(ExpressionKind kind, ExpressionPtr left,
                                               ExpressionPtr right, uint32_t line) const {
  auto node = Make(kind);
  node->line = line;
  node->parts.push_back(std::move(left));
  node->parts.push_back(std::move(right));
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseExpression(bool with_conditional) {
  const Level level(*this);
  if (!level.ok()) return TooDeep();
  ALT_ASSIGN_OR_RETURN(ExpressionPtr value, ParseOr());
  while (with_conditional && IsName("if")) {
    auto node = Make(ExpressionKind::kConditional);
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr condition, ParseOr());
    ExpressionPtr otherwise;
    if (SkipName("else")) {
      ALT_ASSIGN_OR_RETURN(otherwise, ParseExpression());
    }
    node->parts.push_back(std::move(condition));
    node->parts.push_back(std::move(value));
    node->parts.push_back(std::move(otherwise));
    ALT_ASSIGN_OR_RETURN(value, Finish(std::move(node)));
  }
  return value;
}

Result<ExpressionPtr> ExpressionParser::ParseOr() {
  ALT_ASSIGN_OR_RETURN(ExpressionPtr left, ParseAnd());
  while (IsName("or")) {
    const uint32_t line = current().line;
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr right, ParseAnd());
    ALT_ASSIGN_OR_RETURN(left,
                         Binary(ExpressionKind::kOr, std::move(left), std::move(right), line));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::ParseAnd() {
  ALT_ASSIGN_OR_RETURN(ExpressionPtr left, ParseNot());
  while (IsName("and")) {
    const uint32_t line = current().line;
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr right, ParseNot());
    ALT_ASSIGN_OR_RETURN(left,
                         Binary(ExpressionKind::kAnd, std::move(left), std::move(right), line));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::ParseNot() {
  if (!IsName("not")) return ParseCompare();
  const Level level(*this);
  if (!level.ok()) return TooDeep();
  auto node = Make(ExpressionKind::kNot);
  Next();
  ALT_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseNot());
  node->parts.push_back(std::move(operand));
  return Finish(std::move(node));
}

bool ExpressionParser::TakeComparison(Comparison& comparison) {
  static constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::kEqual},  {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},    {"<=", Comparison::kLessOrEqual},
      {">", Comparison::kGreater}, {">=", Comparison::kGreaterOrEqual},
  };
  for (const auto& [symbol, meaning] : kSymbols) {
    if (!SkipOperator(symbol)) continue;
    comparison = meaning;
    return true;
  }
  if (SkipName("in")) {
    comparison = Comparison::kIn;
    return true;
  }
  if (!IsName("not") || Ahead().type != TokenType::kName || Ahead().text != "in") return false;
  Next();
  Next();
  comparison = Comparison::kNotIn;
  return true;
}

Result<ExpressionPtr> ExpressionParser::ParseCompare() {
  auto node = Make(ExpressionKind::kCompare);
  ALT_ASSIGN_OR_RETURN(ExpressionPtr first, ParseSum());
  Comparison comparison = Comparison::kEqual;
  if (!TakeComparison(comparison)) return first;
  node->parts.push_back(std::move(first));
  do {
    node->comparisons.push_back(comparison);
    ALT_ASSIGN_OR_RETURN(ExpressionPtr next, ParseSum());
    node->parts.push_back(std::move(next));
  } while (TakeComparison(comparison));
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseSum() {
  ALT_ASSIGN_OR_RETURN(ExpressionPtr left, ParseConcat());
  while (IsOperator("+") || IsOperator("-")) {
    const auto kind = IsOperator("+") ? ExpressionKind::kAdd : ExpressionKind::kSubtract;
    const uint32_t line = current().line;
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr right, ParseConcat());
    ALT_ASSIGN_OR_RETURN(left, Binary(kind, std::move(left), std::move(right), line));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::ParseConcat() {
  auto node = Make(ExpressionKind::kConcat);
  ALT_ASSIGN_OR_RETURN(ExpressionPtr first, ParseProduct());
  if (!IsOperator("~")) return first;
  node->parts.push_back(std::move(first));
  while (SkipOperator("~")) {
    ALT_ASSIGN_OR_RETURN(ExpressionPtr next, ParseProduct());
    node->parts.push_back(std::move(next));
  }
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseProduct() {
  ALT_ASSIGN_OR_RETURN(ExpressionPtr left, ParsePower());
  while (true) {
    ExpressionKind kind = ExpressionKind::kMultiply;
    if (IsOperator("/")) {
      kind = ExpressionKind::kDivide;
    } else if (IsOperator("//")) {
      kind = ExpressionKind::kFloorDivide;
    } else if (IsOperator("%")) {
      kind = ExpressionKind::kModulo;
    } else if (!IsOperator("*")) {
      return left;
    }
    const uint32_t line = current().line;
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr right, ParsePower());
    ALT_ASSIGN_OR_RETURN(left, Binary(kind, std::move(left), std::move(right), line));
  }
}

Result<ExpressionPtr> ExpressionParser::ParsePower() {
  ALT_ASSIGN_OR_RETURN(ExpressionPtr left, ParseUnary(true));
  while (IsOperator("**")) {
    const uint32_t line = current().line;
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr right, ParseUnary(true));
    ALT_ASSIGN_OR_RETURN(left,
                         Binary(ExpressionKind::kPower, std::move(left), std::move(right), line));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::ParseUnary(bool with_filters) {
  const Level level(*this);
  if (!level.ok()) return TooDeep();
  ExpressionPtr value;
  if (IsOperator("-") || IsOperator("+")) {
    auto node = Make(IsOperator("-") ? ExpressionKind::kNegate : ExpressionKind::kPlus);
    Next();
    ALT_ASSIGN_OR_RETURN(ExpressionPtr operand, ParseUnary(false));
    node->parts.push_back(std::move(operand));
    ALT_ASSIGN_OR_RETURN(value, Finish(std::move(node)));
  } else {
    ALT_ASSIGN_OR_RETURN(value, ParsePrimary());
  }
  ALT_ASSIGN_OR_RETURN(value, ParsePostfix(std::move(value)));
  if (!with_filters) return value;
  return ParseFiltersAndTests(std::move(value));
}

Result<ExpressionPtr> ExpressionParser::ParsePrimary() {
  switch (current().type) {
    case TokenType::kName:
      return ParseName();
    case TokenType::kString:
      return ParseString();
    case TokenType::kInteger:
    case TokenType::kFloat: {
      auto node = Make(ExpressionKind::kConstant);
      node->constant =
          current().type == TokenType::kInteger ? Value(current().integer) : Value(current().real);
      Next();
      return Finish(std::move(node));
    }
    default:
      break;
  }
  if (SkipOperator("(")) {
    ALT_ASSIGN_OR_RETURN(ExpressionPtr inner, ParseTuple(true, "", true));
    ALT_RETURN_IF_ERROR(ExpectOperator(")"));
    return inner;
  }
  if (IsOperator("[") || IsOperator("{")) return ParseListOrDict();
  return Error("unexpected '" + Describe(current()) + "'");
}

Result<ExpressionPtr> ExpressionParser::ParseName() {
  auto node = Make(ExpressionKind::kConstant);
  const std::string name = current().text;
  Next();
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    node->constant = Value(name == "true" || name == "True");
  } else if (name != "none" && name != "None") {
    node->kind = ExpressionKind::kName;
    node->text = name;
    names_read_.insert(name);
  }
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseString() {
  auto node = Make(ExpressionKind::kConstant);
  std::string bytes;
  for (; current().type == TokenType::kString; Next()) bytes += current().text;
  node->constant = MakeConstantString(std::move(bytes));
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseListOrDict() {
  const bool is_dict = IsOperator("{");
  const std::string_view end = is_dict ? "}" : "]";
  auto node = Make(is_dict ? ExpressionKind::kDict : ExpressionKind::kList);
  Next();
  while (!IsOperator(end)) {
    if (!node->parts.empty()) {
      ALT_RETURN_IF_ERROR(ExpectOperator(","));
      if (IsOperator(end)) break;
    }
    ALT_ASSIGN_OR_RETURN(ExpressionPtr item, ParseExpression());
    node->parts.push_back(std::move(item));
    if (!is_dict) continue;
    ALT_RETURN_IF_ERROR(ExpectOperator(":"));
    ALT_ASSIGN_OR_RETURN(ExpressionPtr value, ParseExpression());
    node->parts.push_back(std::move(value));
  }
  Next();
  return Finish(std::move(node));
}

bool ExpressionParser::AtTupleEnd(std::string_view end) const {
  const TokenType type = current().type;
  return type == TokenType::kVariableEnd || type == TokenType::kBlockEnd || IsOperator(")") ||
         (!end.empty() && IsName(end));
}

Result<ExpressionPtr> ExpressionParser::ParseTuple(bool with_conditional, std::string_view end,
                                                   bool may_be_empty) {
  auto node = Make(ExpressionKind::kTuple);
  bool has_comma = false;
  while (!AtTupleEnd(end)) {
    ALT_ASSIGN_OR_RETURN(ExpressionPtr item, ParseExpression(with_conditional));
    node->parts.push_back(std::move(item));
    if (!SkipOperator(",")) break;
    has_comma = true;
  }
  if (!has_comma && node->parts.size() == 1) return std::move(node->parts[0]);
  if (!has_comma && !may_be_empty) {
    return Error("Expected an expression, got '" + Describe(current()) + "'");
  }
  return Finish(std::move(node));
}

Result<ExpressionPtr> ExpressionParser::ParseTarget(bool with_namespace, std::string_view end) {
  const Level level(*this);
  if (!level.ok()) return TooDeep();
  auto tuple = Make(ExpressionKind::kTuple);
  bool has_comma = false;
  while (!AtTupleEnd(end)) {
    if (SkipOperator("(")) {
      ALT_ASSIGN_OR_RETURN(ExpressionPtr inner, ParseTarget(with_namespace, ""));
      ALT_RETURN_IF_ERROR(ExpectOperator(")"));
      tuple->parts.push_back(std::move(inner));
    } else {
      ALT_ASSIGN_OR_RETURN(ExpressionPtr target, ParseTargetName(with_namespace));
      tuple->parts.push_back(std::move(target));
    }
    if (!SkipOperator(",")) break;
    has_comma = true;
  }
  if (!has_comma && tuple->parts.size() == 1) return std::move(tuple->parts[0]);
  if (tuple->parts.empty()) return Error("expected token 'name'");
  return Finish(std::move(tuple));
}

Result<ExpressionPtr> ExpressionParser::ParseTargetName(bool with_namespace) {
  auto node = Make(ExpressionKind::kName);
  node->text = current().text;
  ALT_RETURN_IF_ERROR(Expect(TokenType::kName, "name"));
  static constexpr std::string_view kConstants[] = {"true", "false", "none",
                                                    "True", "False", "None"};
  if (std::find(std::begin(kConstants), std::end(kConstants), node->text) != std::end(kConstants)) {
    return Error("can't assign to '" + node->text + "'");
  }
  if (!with_namespace || !SkipOperator(".")) return Finish(std::move(node));
  auto attribute = Make(ExpressionKind::kAttribute);
  attribute->text = current().text;
  ALT_RETURN_IF_ERROR(Expect(TokenType::kName, "name"));
  ALT_ASSIGN_OR_RETURN(ExpressionPtr owner, Finish(std::move(node)));
  attribute->parts.push_back(std::move(owner));
  return Finish(std::move(attribute));
}

}  // namespace altteul::text::jinja
