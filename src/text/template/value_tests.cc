// SPDX-License-Identifier: Apache-2.0

// What may follow `is`: questions about a value.

#include <cmath>

#include "text/template/builtin.h"
#include "text/template/markup.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"
#include "text/template/string_edit.h"

namespace altteul::text::jinja {
namespace {

using Call = BuiltinCall;

Result<Value> IsDefined(Call& c) { return Value(!c.self.is_undefined()); }
Result<Value> IsUndefined(Call& c) { return Value(c.self.is_undefined()); }
Result<Value> IsNone(Call& c) { return Value(c.self.is_none()); }
Result<Value> IsString(Call& c) { return Value(c.self.is_string()); }
Result<Value> IsMapping(Call& c) { return Value(c.self.dict() != nullptr); }
Result<Value> IsNumber(Call& c) { return Value(c.self.is_number()); }
Result<Value> IsInteger(Call& c) { return Value(c.self.is_integer()); }
Result<Value> IsFloat(Call& c) { return Value(c.self.is_float()); }
Result<Value> IsBoolean(Call& c) { return Value(c.self.is_bool()); }
Result<Value> IsTrue(Call& c) { return Value(c.self.is_bool() && c.self.Truthy()); }
Result<Value> IsFalse(Call& c) { return Value(c.self.is_bool() && !c.self.Truthy()); }
Result<Value> IsCallable(Call& c) {
  // jinja2's Undefined has a __call__ that fails, which makes it callable.
  return Value(c.self.is_undefined() ||
               (c.self.object() != nullptr && c.self.object()->callable()));
}
Result<Value> IsIterable(Call& c) {
  return Value(c.self.is_undefined() || c.self.is_string() || c.self.dict() != nullptr ||
               c.self.sequence() != nullptr);
}
Result<Value> IsSequence(Call& c) {
  const SequenceObject* sequence = c.self.sequence();
  return Value(c.self.is_undefined() || c.self.is_string() || c.self.dict() != nullptr ||
               (sequence != nullptr && sequence->HasItems()));
}
Result<Value> IsSameAs(Call& c) { return Value(c.self.Same(c.Get(0))); }
Result<Value> IsEscaped(Call& c) { return Value(IsMarkup(c.self)); }

Result<Value> HasRemainder(Call& c, const Value& divisor, int64_t wanted) {
  ALT_ASSIGN_OR_RETURN(const Value remainder,
                       Arithmetic(c.heap, ExpressionKind::kModulo, c.self, divisor));
  ALT_ASSIGN_OR_RETURN(const bool same, Equal(c.heap, remainder, Value(wanted)));
  return Value(same);
}
Result<Value> IsOdd(Call& c) { return HasRemainder(c, Value(int64_t{2}), 1); }
Result<Value> IsEven(Call& c) { return HasRemainder(c, Value(int64_t{2}), 0); }
Result<Value> IsDivisible(Call& c) { return HasRemainder(c, c.Get(0), 0); }

Result<Value> HasCase(Call& c, bool upper) {
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(c.heap, c.self));
  ALT_RETURN_IF_ERROR(c.heap.Work(text.size() / 16));
  return Value(HasOneCase(text.bytes(), upper));
}
Result<Value> IsUpperCase(Call& c) { return HasCase(c, true); }
Result<Value> IsLowerCase(Call& c) { return HasCase(c, false); }

Result<Value> CompareWith(Call& c, Comparison comparison) {
  ALT_ASSIGN_OR_RETURN(const bool answer, Compare(c.heap, comparison, c.self, c.Get(0)));
  return Value(answer);
}
Result<Value> IsEqual(Call& c) { return CompareWith(c, Comparison::kEqual); }
Result<Value> IsNotEqual(Call& c) { return CompareWith(c, Comparison::kNotEqual); }
Result<Value> IsLess(Call& c) { return CompareWith(c, Comparison::kLess); }
Result<Value> IsLessOrEqual(Call& c) { return CompareWith(c, Comparison::kLessOrEqual); }
Result<Value> IsGreater(Call& c) { return CompareWith(c, Comparison::kGreater); }
Result<Value> IsGreaterOrEqual(Call& c) { return CompareWith(c, Comparison::kGreaterOrEqual); }
Result<Value> IsIn(Call& c) { return CompareWith(c, Comparison::kIn); }

Result<Value> IsFilterName(Call& c) {
  return Value(c.self.is_string() && FindFilter(c.self.bytes()) != nullptr);
}
Result<Value> IsTestName(Call& c) {
  return Value(c.self.is_string() && FindTest(c.self.bytes()) != nullptr);
}

constexpr BuiltinRow kTests[] = {
    {"defined", "", &IsDefined},
    {"undefined", "", &IsUndefined},
    {"none", "", &IsNone},
    {"string", "", &IsString},
    {"mapping", "", &IsMapping},
    {"iterable", "", &IsIterable},
    {"sequence", "", &IsSequence},
    {"number", "", &IsNumber},
    {"integer", "", &IsInteger},
    {"float", "", &IsFloat},
    {"boolean", "", &IsBoolean},
    {"true", "", &IsTrue},
    {"false", "", &IsFalse},
    {"callable", "", &IsCallable},
    {"sameas", "other", &IsSameAs},
    {"escaped", "", &IsEscaped},
    {"odd", "", &IsOdd},
    {"even", "", &IsEven},
    {"divisibleby", "num", &IsDivisible},
    {"upper", "", &IsUpperCase},
    {"lower", "", &IsLowerCase},
    {"in", "seq", &IsIn},
    {"eq", "other", &IsEqual},
    {"equalto", "other", &IsEqual},
    {"==", "other", &IsEqual},
    {"ne", "other", &IsNotEqual},
    {"!=", "other", &IsNotEqual},
    {"lt", "other", &IsLess},
    {"lessthan", "other", &IsLess},
    {"<", "other", &IsLess},
    {"le", "other", &IsLessOrEqual},
    {"<=", "other", &IsLessOrEqual},
    {"gt", "other", &IsGreater},
    {"greaterthan", "other", &IsGreater},
    {">", "other", &IsGreater},
    {"ge", "other", &IsGreaterOrEqual},
    {">=", "other", &IsGreaterOrEqual},
    {"filter", "", &IsFilterName},
    {"test", "", &IsTestName},
};

}  // namespace

const BuiltinRow* FindTest(std::string_view name) { return FindRow(kTests, name); }

}  // namespace altteul::text::jinja
