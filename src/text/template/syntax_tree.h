// SPDX-License-Identifier: Apache-2.0

// A parsed template: statements that hold expressions. Built once, then only read.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/template/builtin.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<const Expression>;
using StatementList = std::vector<std::unique_ptr<const Statement>>;

enum class ExpressionKind : uint8_t {
  kConstant,   ///< constant
  kName,       ///< text
  kTuple,      ///< parts
  kList,       ///< parts
  kDict,       ///< parts: key, value, key, value, ...
  kAttribute,  ///< parts[0] . text
  kItem,       ///< parts[0] [ parts[1] ]
  kSlice,      ///< parts[0] [ parts[1] : parts[2] : parts[3] ], absent ones null
  kCall,       ///< parts[0] ( arguments )
  kFilter,     ///< parts[0] | builtin ( arguments ); parts[0] null in a filter block
  kTest,       ///< parts[0] is builtin ( arguments )
  kNot,
  kNegate,
  kPlus,  ///< parts[0]
  kAnd,
  kOr,  ///< parts[0], parts[1]
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,        ///< parts[0], parts[1]
  kConcat,       ///< parts
  kCompare,      ///< parts[0] comparisons[0] parts[1] comparisons[1] parts[2] ...
  kConditional,  ///< parts[1] if parts[0] else parts[2] (null: undefined)
};

enum class Comparison : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kNotIn,
};

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star;       ///< *args
  ExpressionPtr star_star;  ///< **kwargs
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  uint32_t line = 0;
  uint32_t height = 1;  ///< limited by the parser, so that walking and freeing may recurse
  std::string text;
  Value constant;
  std::vector<ExpressionPtr> parts;
  std::vector<Comparison> comparisons;
  CallArguments arguments;
  const BuiltinRow* builtin = nullptr;
};

enum class StatementKind : uint8_t {
  kText,      ///< text
  kPrint,     ///< value
  kIf,        ///< branches, body is the else part
  kFor,       ///< target in value if condition: body, else_body
  kSet,       ///< target = value
  kSetBlock,  ///< target = body, filtered by value when there is one
  kMacro,     ///< name text, parameters, body
  kCall,      ///< value is a call; parameters and body are the caller
  kFilter,    ///< body filtered by value
  kWith,      ///< bindings for body
  kScope,     ///< body (generation)
  kBreak,
  kContinue,
};

struct Branch {
  ExpressionPtr condition;
  StatementList body;
};

struct Parameter {
  std::string name;
  ExpressionPtr default_value;  ///< null: none
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  uint32_t line = 0;
  std::string text;
  OriginText data;       ///< kText
  ExpressionPtr target;  ///< a name, an attribute of a namespace, or a tuple of such
  ExpressionPtr value;
  ExpressionPtr condition;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> bindings;
  StatementList body;
  StatementList else_body;
  bool recursive = false;     ///< kFor
  bool uses_varargs = false;  ///< kMacro, kCall: the body reads the name
  bool uses_kwargs = false;
  bool uses_caller = false;
};

}  // namespace altteul::text::jinja
