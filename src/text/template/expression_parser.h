// SPDX-License-Identifier: Apache-2.0

// The expressions of a template, by precedence: if-else, or, and, not, comparison, + -, ~,
// * / // %, **, signs, then calls, subscripts, filters and tests.

#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/template/lexer.h"
#include "text/template/limits.h"
#include "text/template/syntax_tree.h"

namespace altteul::text::jinja {

class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, const TemplateLimits& limits)
      : tokens_(std::move(tokens)), max_depth_(limits.max_depth) {}

  Result<ExpressionPtr> ParseExpression(bool with_conditional = true);
  /// One expression, or a tuple when commas follow. Ends before the name `end`.
  Result<ExpressionPtr> ParseTuple(bool with_conditional, std::string_view end = "",
                                   bool may_be_empty = false);
  /// Names, `namespace.attribute` where allowed, and tuples of them.
  Result<ExpressionPtr> ParseTarget(bool with_namespace, std::string_view end = "");
  /// `|name(arguments)` after `node`; `node` may be null and the first "|" absent (filter block).
  Result<ExpressionPtr> ParseFilters(ExpressionPtr node, bool starts_inline);

  const Token& current() const { return tokens_[at_]; }
  const Token& Ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void Next() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool IsOperator(std::string_view text) const;
  bool IsName(std::string_view text) const;
  bool SkipOperator(std::string_view text);
  bool SkipName(std::string_view text);
  Status ExpectOperator(std::string_view text);
  Status ExpectName(std::string_view text);
  Status Expect(TokenType type, std::string_view shown);

  Status Error(const std::string& what) const;        ///< kCorruptFile at the current token
  Status Unsupported(const std::string& what) const;  ///< kUnsupported at the current token
  Status TooDeep() const;

  /// Depth of the parser's own recursion; every path that recurses holds one.
  class Level {
   public:
    explicit Level(ExpressionParser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool ok() const { return parser_.depth_ <= parser_.max_depth_; }

   private:
    ExpressionParser& parser_;
  };

  /// Names read since this was emptied; tells which special names a macro uses.
  std::set<std::string>& names_read() { return names_read_; }

 private:
  Result<ExpressionPtr> ParseOr();
  Result<ExpressionPtr> ParseAnd();
  Result<ExpressionPtr> ParseNot();
  Result<ExpressionPtr> ParseCompare();
  Result<ExpressionPtr> ParseSum();
  Result<ExpressionPtr> ParseConcat();
  Result<ExpressionPtr> ParseProduct();
  Result<ExpressionPtr> ParsePower();
  Result<ExpressionPtr> ParseUnary(bool with_filters);
  Result<ExpressionPtr> ParsePrimary();
  Result<ExpressionPtr> ParseName();
  Result<ExpressionPtr> ParseTargetName(bool with_namespace);
  Result<ExpressionPtr> ParseString();
  Result<ExpressionPtr> ParseListOrDict();
  Result<ExpressionPtr> ParsePostfix(ExpressionPtr node);
  Result<ExpressionPtr> ParseFiltersAndTests(ExpressionPtr node);
  Result<ExpressionPtr> ParseDot(ExpressionPtr node);
  Result<ExpressionPtr> ParseBrackets(ExpressionPtr node);
  Result<ExpressionPtr> ParseCall(ExpressionPtr node);
  Result<ExpressionPtr> ParseTest(ExpressionPtr node);
  Result<CallArguments> ParseArguments();
  Result<std::string> ParseDottedName();
  bool TakeComparison(Comparison& comparison);
  bool AtTestArgument() const;
  bool AtTupleEnd(std::string_view end) const;

  Result<ExpressionPtr> Binary(ExpressionKind kind, ExpressionPtr left, ExpressionPtr right,
                               uint32_t line) const;
  /// Sets the height of a finished node. @return kCorruptFile when it is too high
  Result<ExpressionPtr> Finish(std::unique_ptr<Expression> node) const;
  std::unique_ptr<Expression> Make(ExpressionKind kind) const;

  const std::vector<Token> tokens_;
  const uint32_t max_depth_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  std::set<std::string> names_read_;
};

}  // namespace altteul::text::jinja
