// SPDX-License-Identifier: Apache-2.0

// Python's operators and subscripts on values.

#pragma once

#include <optional>

#include "text/template/syntax_tree.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

/// + - * / // % **. @return kInvalidArgument for types that do not fit, overflow, division by zero
Result<Value> Arithmetic(Heap& heap, ExpressionKind kind, const Value& left, const Value& right);
Result<Value> Negate(const Value& value);
Result<Value> Plus(const Value& value);
Result<bool> Compare(Heap& heap, Comparison comparison, const Value& left, const Value& right);
/// `item in container`
Result<bool> Contains(Heap& heap, const Value& container, const Value& item);

/// owner.name: methods and attributes first, then items; undefined when there is neither.
Result<Value> GetAttribute(Heap& heap, const Value& owner, std::string_view name);
/// owner[key]: items first, then attributes.
Result<Value> GetItem(Heap& heap, const Value& owner, const Value& key);
/// owner[begin:end:step]
Result<Value> GetSlice(Heap& heap, const Value& owner, const Value& begin, const Value& end,
                       const Value& step);
/// Calls a function, method, macro or class-like global.
Result<Value> CallValue(Heap& heap, const Value& callee, const Arguments& arguments);

}  // namespace altteul::text::jinja
