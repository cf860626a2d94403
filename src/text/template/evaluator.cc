// SPDX-License-Identifier: Apache-2.0

// Expressions of the interpreter.

#include <utility>

#include "text/template/interpreter.h"
#include "text/template/interpreter_guards.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {

Result<Value> Interpreter::Evaluate(const Expression& expression) {
  const DepthGuard depth(depth_);
  ALT_RETURN_IF_ERROR(heap_.CheckDepth(depth_));
  ALT_RETURN_IF_ERROR(heap_.Work(1));
  current_line_ = expression.line;
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return EvaluateName(expression);
    case ExpressionKind::kTuple:
    case ExpressionKind::kList:
      return EvaluateItems(expression);
    case ExpressionKind::kDict:
      return EvaluateDict(expression);
    case ExpressionKind::kAttribute:
    case ExpressionKind::kItem:
    case ExpressionKind::kSlice:
    case ExpressionKind::kCall:
      return EvaluateAccess(expression);
    case ExpressionKind::kFilter:
    case ExpressionKind::kTest:
      return EvaluateFilter(expression, nullptr);
    case ExpressionKind::kNot:
    case ExpressionKind::kNegate:
    case ExpressionKind::kPlus:
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return EvaluateLogic(expression);
    case ExpressionKind::kConcat:
      return EvaluateConcat(expression);
    case ExpressionKind::kCompare:
      return EvaluateCompare(expression);
    case ExpressionKind::kConditional:
      return EvaluateConditional(expression);
    default:
      break;
  }
  ALT_ASSIGN_OR_RETURN(const Value left, Evaluate(*expression.parts[0]));
  ALT_ASSIGN_OR_RETURN(const Value right, Evaluate(*expression.parts[1]));
  return Arithmetic(heap_, expression.kind, left, right);
}

Result<Value> Interpreter::EvaluateName(const Expression& expression) {
  if (const Value* found = scope_->Find(expression.text)) return *found;
  if (auto global = FindGlobal(state_, expression.text)) return std::move(*global);
  return MakeUndefined("'" + expression.text + "' is undefined");
}

Result<Value> Interpreter::EvaluateItems(const Expression& expression) {
  std::vector<Value> items;
  for (const auto& part : expression.parts) {
    ALT_ASSIGN_OR_RETURN(Value item, Evaluate(*part));
    items.push_back(std::move(item));
  }
  return MakeSequence(
      heap_, std::move(items),
      expression.kind == ExpressionKind::kTuple ? SequenceKind::kTuple : SequenceKind::kList);
}

Result<Value> Interpreter::EvaluateDict(const Expression& expression) {
  DictEntries entries;
  for (size_t i = 0; i < expression.parts.size(); i += 2) {
    ALT_ASSIGN_OR_RETURN(Value key, Evaluate(*expression.parts[i]));
    ALT_ASSIGN_OR_RETURN(Value value, Evaluate(*expression.parts[i + 1]));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return MakeDict(heap_, std::move(entries));
}

Result<Value> Interpreter::EvaluateAccess(const Expression& expression) {
  ALT_ASSIGN_OR_RETURN(const Value owner, Evaluate(*expression.parts[0]));
  if (expression.kind == ExpressionKind::kAttribute) {
    return GetAttribute(heap_, owner, expression.text);
  }
  if (expression.kind == ExpressionKind::kCall) {
    ALT_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression.arguments));
    current_line_ = expression.line;
    return CallValue(heap_, owner, arguments);
  }
  std::vector<Value> keys(3);
  for (size_t i = 1; i < expression.parts.size(); ++i) {
    if (expression.parts[i] == nullptr) continue;
    ALT_ASSIGN_OR_RETURN(keys[i - 1], Evaluate(*expression.parts[i]));
  }
  if (expression.kind == ExpressionKind::kItem) return GetItem(heap_, owner, keys[0]);
  return GetSlice(heap_, owner, keys[0], keys[1], keys[2]);
}

Result<Value> Interpreter::EvaluateLogic(const Expression& expression) {
  ALT_ASSIGN_OR_RETURN(Value first, Evaluate(*expression.parts[0]));
  switch (expression.kind) {
    case ExpressionKind::kNot:
      return Value(!first.Truthy());
    case ExpressionKind::kNegate:
      return Negate(first);
    case ExpressionKind::kPlus:
      return Plus(first);
    default:
      break;
  }
  if (first.Truthy() == (expression.kind == ExpressionKind::kOr)) return first;
  return Evaluate(*expression.parts[1]);
}

Result<Value> Interpreter::EvaluateConcat(const Expression& expression) {
  OriginText text;
  for (const auto& part : expression.parts) {
    ALT_ASSIGN_OR_RETURN(const Value value, Evaluate(*part));
    ALT_ASSIGN_OR_RETURN(const OriginText shown, ToText(heap_, value));
    ALT_RETURN_IF_ERROR(heap_.Reserve(text.Footprint() + shown.Footprint()));
    text.Append(shown);
  }
  return MakeString(heap_, std::move(text));
}

Result<Value> Interpreter::EvaluateCompare(const Expression& expression) {
  ALT_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.parts[0]));
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(Value right, Evaluate(*expression.parts[i + 1]));
    ALT_ASSIGN_OR_RETURN(const bool holds, Compare(heap_, expression.comparisons[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::EvaluateConditional(const Expression& expression) {
  ALT_ASSIGN_OR_RETURN(const Value condition, Evaluate(*expression.parts[0]));
  if (condition.Truthy()) return Evaluate(*expression.parts[1]);
  if (expression.parts[2] != nullptr) return Evaluate(*expression.parts[2]);
  return MakeUndefined("the inline if-expression on line " + std::to_string(expression.line) +
                       " evaluated to false and no else section was defined.");
}

// A filter or a test. `block` is what a filter block wrote, for the filter that has no operand.
Result<Value> Interpreter::EvaluateFilter(const Expression& expression, const Value* block) {
  const ExpressionPtr& operand = expression.parts[0];
  Value value;
  if (block == nullptr) {
    ALT_ASSIGN_OR_RETURN(value, Evaluate(*operand));
  } else if (operand == nullptr) {
    value = *block;
  } else {
    ALT_ASSIGN_OR_RETURN(value, EvaluateFilter(*operand, block));
  }
  ALT_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression.arguments));
  current_line_ = expression.line;
  return RunBuiltin(heap_, *expression.builtin, value, arguments);
}

Result<Arguments> Interpreter::EvaluateArguments(const CallArguments& written) {
  Arguments arguments;
  for (const auto& part : written.positional) {
    ALT_ASSIGN_OR_RETURN(Value value, Evaluate(*part));
    arguments.positional.push_back(std::move(value));
  }
  if (written.star != nullptr) {
    ALT_ASSIGN_OR_RETURN(const Value star, Evaluate(*written.star));
    ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(heap_, star));
    arguments.positional.insert(arguments.positional.end(), items.begin(), items.end());
  }
  for (const auto& [name, part] : written.named) {
    ALT_ASSIGN_OR_RETURN(Value value, Evaluate(*part));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (written.star_star == nullptr) return arguments;
  ALT_ASSIGN_OR_RETURN(const Value mapping, Evaluate(*written.star_star));
  if (mapping.dict() == nullptr) return TypeError("argument after ** must be a mapping");
  for (const auto& [key, value] : mapping.dict()->entries) {
    if (!key.is_string()) return TypeError("keywords must be strings");
    arguments.named.emplace_back(std::string(key.bytes()), value);
  }
  return arguments;
}

}  // namespace altteul::text::jinja
