// SPDX-License-Identifier: Apache-2.0

// Runs a syntax tree: statements write text, expressions yield values.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template/globals.h"
#include "text/template/loop.h"
#include "text/template/scope.h"
#include "text/template/syntax_tree.h"

namespace altteul::text::jinja {

class Interpreter {
 public:
  /// The state must outlive the interpreter.
  explicit Interpreter(RenderState& state);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void SetVariable(std::string_view name, Value value) { scope_->Set(name, std::move(value)); }
  Result<OriginText> Run(const StatementList& program);
  uint32_t current_line() const { return current_line_; }  ///< of what was evaluated last

 private:
  enum class Flow : uint8_t { kNormal, kBreak, kContinue };
  class Macro;
  class RecursiveLoop;
  class DepthGuard;

  // Statements (interpreter.cc).
  Result<Flow> Execute(const StatementList& body);
  Result<Flow> ExecuteOne(const Statement& statement);
  Result<Flow> ExecuteIf(const Statement& statement);
  Result<Flow> ExecuteFor(const Statement& statement);
  Result<Flow> ExecuteWith(const Statement& statement);
  Status ExecuteSimple(const Statement& statement);
  Status ExecuteSetBlock(const Statement& statement);
  Status ExecuteCall(const Statement& statement);
  Status ExecuteFilter(const Statement& statement);
  Result<std::vector<Value>> LoopItems(const Statement& statement, const Value& iterable);
  Result<Flow> RunLoop(const Statement& statement, const Value& iterable, int64_t depth0);
  Status Assign(const Expression& target, const Value& value);
  Status Write(const OriginText& text);
  /// The text that `body` writes, in a scope of its own.
  Result<OriginText> Capture(const StatementList& body);
  Value MakeMacro(const Statement& statement);
  Result<Value> CallMacro(const Statement& statement, const Arguments& arguments,
                          const std::shared_ptr<Scope>& scope);
  Status BindParameters(const Statement& statement, const Arguments& arguments);
  Status BindExtras(const Statement& statement, const Arguments& arguments);

  // Expressions (evaluator.cc).
  Result<Value> Evaluate(const Expression& expression);
  Result<Value> EvaluateName(const Expression& expression);
  Result<Value> EvaluateItems(const Expression& expression);
  Result<Value> EvaluateDict(const Expression& expression);
  Result<Value> EvaluateAccess(const Expression& expression);
  Result<Value> EvaluateLogic(const Expression& expression);
  Result<Value> EvaluateConcat(const Expression& expression);
  Result<Value> EvaluateCompare(const Expression& expression);
  Result<Value> EvaluateConditional(const Expression& expression);
  Result<Value> EvaluateFilter(const Expression& expression, const Value* block);
  Result<Arguments> EvaluateArguments(const CallArguments& arguments);

  RenderState& state_;
  Heap& heap_;
  std::shared_ptr<Scope> scope_;
  /// Scopes that macros hold on to while the scopes hold the macros; emptied at the end.
  std::vector<std::shared_ptr<Scope>> captured_scopes_;
  OriginText* out_ = nullptr;
  uint32_t depth_ = 0;
  uint32_t current_line_ = 0;
};

}  // namespace altteul::text::jinja
