// SPDX-License-Identifier: Apache-2.0

#include "text/template/operators.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "text/template/code_points.h"
#include "text/template/markup.h"
#include "text/template/percent_format.h"

namespace altteul::text::jinja {
namespace {

std::string_view SymbolOf(ExpressionKind kind) {
  switch (kind) {
    case ExpressionKind::kAdd:
      return "+";
    case ExpressionKind::kSubtract:
      return "-";
    case ExpressionKind::kMultiply:
      return "*";
    case ExpressionKind::kDivide:
      return "/";
    case ExpressionKind::kFloorDivide:
      return "//";
    case ExpressionKind::kModulo:
      return "%";
    default:
      return "** or pow()";
  }
}

Status BadOperands(ExpressionKind kind, const Value& left, const Value& right) {
  return TypeError("unsupported operand type(s) for " + std::string(SymbolOf(kind)) + ": '" +
                   std::string(left.TypeName()) + "' and '" + std::string(right.TypeName()) + "'");
}

Status Overflow() { return TypeError("integer overflow: integers have 64 bits here"); }

Result<Value> RealArithmetic(ExpressionKind kind, double a, double b) {
  switch (kind) {
    case ExpressionKind::kAdd:
      return Value(a + b);
    case ExpressionKind::kSubtract:
      return Value(a - b);
    case ExpressionKind::kMultiply:
      return Value(a * b);
    case ExpressionKind::kPower: {
      if (a == 0 && b < 0) return TypeError("0.0 cannot be raised to a negative power");
      if (a < 0 && b != std::floor(b)) return TypeError("complex numbers are not supported");
      const double power = std::pow(a, b);
      if (std::isinf(power) && !std::isinf(a) && !std::isinf(b)) {
        return TypeError("Numerical result out of range");
      }
      return Value(power);
    }
    default:
      break;
  }
  if (b == 0) {
    return TypeError(kind == ExpressionKind::kDivide ? "float division by zero"
                                                     : "float floor division by zero");
  }
  if (kind == ExpressionKind::kDivide) return Value(a / b);
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (kind == ExpressionKind::kModulo) {
    return Value(remainder == 0 ? std::copysign(0.0, b) : remainder);
  }
  const double quotient = (a - remainder) / b;
  const double floor = std::floor(quotient);
  return Value(quotient - floor > 0.5 ? floor + 1 : floor);
}

Result<Value> IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    return RealArithmetic(ExpressionKind::kPower, static_cast<double>(base),
                          static_cast<double>(exponent));
  }
  int64_t power = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(power, base, &power)) return Overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return Overflow();
  }
  return Value(power);
}

Result<Value> IntegerArithmetic(ExpressionKind kind, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (kind) {
    case ExpressionKind::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case ExpressionKind::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case ExpressionKind::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case ExpressionKind::kPower:
      return IntegerPower(a, b);
    case ExpressionKind::kDivide:
      if (b == 0) return TypeError("division by zero");
      return Value(static_cast<double>(a) / static_cast<double>(b));
    default: {
      if (b == 0) return TypeError("integer division or modulo by zero");
      if (b == -1) {  // INT64_MIN / -1 would trap
        if (kind == ExpressionKind::kModulo) return Value(int64_t{0});
        overflow = __builtin_sub_overflow(int64_t{0}, a, &result);
        break;
      }
      int64_t remainder = a % b;
      if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
      result =
          kind == ExpressionKind::kModulo ? remainder : a / b - (a % b != 0 && (a < 0) != (b < 0));
      break;
    }
  }
  if (overflow) return Overflow();
  return Value(result);
}

Result<Value> AddSequences(Heap& heap, const SequenceObject& left, const SequenceObject& right) {
  ALT_RETURN_IF_ERROR(heap.Reserve((left.items.size() + right.items.size()) * sizeof(Value)));
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return MakeSequence(heap, std::move(items), left.kind);
}

bool IsListOrTuple(const Value& value) {
  const SequenceObject* sequence = value.sequence();
  return sequence != nullptr &&
         (sequence->kind == SequenceKind::kList || sequence->kind == SequenceKind::kTuple);
}

Result<Value> Add(Heap& heap, const Value& left, const Value& right) {
  if (left.is_string()) {
    if (!right.is_string()) {
      return TypeError("can only concatenate str (not \"" + std::string(right.TypeName()) +
                       "\") to str");
    }
    if (IsMarkup(left) != IsMarkup(right)) {
      ALT_ASSIGN_OR_RETURN(const Value first, Escaped(heap, left));
      ALT_ASSIGN_OR_RETURN(const Value second, Escaped(heap, right));
      return Add(heap, first, second);
    }
    ALT_RETURN_IF_ERROR(
        heap.Reserve(left.string()->text.Footprint() + right.string()->text.Footprint()));
    OriginText text = left.string()->text;
    text.Append(right.string()->text);
    return KeepMarkup(heap, left, MakeString(heap, std::move(text)));
  }
  if (IsListOrTuple(left)) {
    if (right.sequence() == nullptr || right.sequence()->kind != left.sequence()->kind) {
      return TypeError("can only concatenate " + std::string(left.TypeName()) + " (not \"" +
                       std::string(right.TypeName()) + "\") to " + std::string(left.TypeName()));
    }
    return AddSequences(heap, *left.sequence(), *right.sequence());
  }
  return BadOperands(ExpressionKind::kAdd, left, right);
}

Result<Value> Repeat(Heap& heap, const Value& value, int64_t count) {
  const uint64_t times = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  const bool is_string = value.is_string();
  const uint64_t size =
      is_string ? value.string()->text.Footprint() : value.sequence()->items.size() * sizeof(Value);
  const bool empty = size == 0 || times == 0;
  uint64_t total = 0;
  if (!empty && __builtin_mul_overflow(size, times, &total)) total = UINT64_MAX;
  ALT_RETURN_IF_ERROR(heap.Reserve(total));
  OriginText text;
  std::vector<Value> items;
  for (uint64_t i = 0; !empty && i < times; ++i) {
    if (is_string) {
      text.Append(value.string()->text);
    } else {
      items.insert(items.end(), value.sequence()->items.begin(), value.sequence()->items.end());
    }
  }
  if (is_string) return KeepMarkup(heap, value, MakeString(heap, std::move(text)));
  return MakeSequence(heap, std::move(items), value.sequence()->kind);
}

// A Python slice over `length` items: the indices first, first + step, ... `count` of them.
struct SliceRange {
  int64_t first = 0;
  int64_t step = 1;
  int64_t count = 0;
};

Result<SliceRange> ResolveSlice(int64_t length, const Value& begin, const Value& end,
                                const Value& step) {
  for (const Value* part : {&begin, &end, &step}) {
    if (part->is_undefined()) return UndefinedError(*part);
    if (!part->is_none() && !part->integer()) {
      return TypeError("slice indices must be integers or None or have an __index__ method");
    }
  }
  SliceRange range;
  range.step = step.integer().value_or(1);
  if (range.step == 0) return TypeError("slice step cannot be zero");
  const bool down = range.step < 0;
  const int64_t lowest = down ? -1 : 0;
  const int64_t highest = down ? length - 1 : length;
  const auto clamp = [&](const Value& bound, int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    int64_t index = *bound.integer();
    if (index < 0) index = index < -length ? lowest : index + length;
    return std::clamp(index, lowest, std::max(lowest, highest));
  };
  range.first = clamp(begin, down ? highest : lowest);
  const int64_t stop = clamp(end, down ? lowest : highest);
  if (!down && stop > range.first) range.count = (stop - range.first - 1) / range.step + 1;
  if (down && stop < range.first) {
    // -(step + 1) + 1 without overflow for the smallest integer.
    const uint64_t back = static_cast<uint64_t>(-(range.step + 1)) + 1;
    range.count = static_cast<int64_t>(static_cast<uint64_t>(range.first - stop - 1) / back) + 1;
  }
  return range;
}

Result<Value> SliceString(Heap& heap, const StringObject& string, const SliceRange& range) {
  const OriginText& text = string.text;
  ALT_RETURN_IF_ERROR(heap.Reserve(text.size()));
  OriginText out;
  if (range.step == 1) {
    const size_t begin = static_cast<size_t>(range.first);
    const size_t end = begin + static_cast<size_t>(range.count);
    if (string.ascii) return MakeString(heap, text.Slice(begin, end));
    const size_t from = OffsetOfCodePoint(text.bytes(), begin);
    const size_t length =
        OffsetOfCodePoint(std::string_view(text.bytes()).substr(from), end - begin);
    return MakeString(heap, text.Slice(from, from + length));
  }
  ALT_RETURN_IF_ERROR(heap.Reserve(text.size() * sizeof(size_t)));
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += CodePointAt(text.bytes(), at).length) {
    offsets.push_back(at);
  }
  offsets.push_back(text.size());
  int64_t index = range.first;
  for (int64_t i = 0; i < range.count; ++i) {
    out.AppendSlice(text, offsets[static_cast<size_t>(index)],
                    offsets[static_cast<size_t>(index) + 1]);
    if (i + 1 < range.count) index += range.step;
  }
  return MakeString(heap, std::move(out));
}

// The item at `key` when the owner's type has items and this one exists.
Result<std::optional<Value>> FindItem(Heap& heap, const Value& owner, const Value& key) {
  if (const DictObject* dict = owner.dict()) {
    auto found = Find(heap, *dict, key);
    if (!found.ok()) {
      if (found.status().code() == ErrorCode::kRefused) return found.status();
      return std::optional<Value>();  // an unhashable key is simply not there
    }
    if (found.value() == nullptr) return std::optional<Value>();
    return std::optional<Value>(*found.value());
  }
  const SequenceObject* sequence = owner.sequence();
  const StringObject* string = owner.string();
  if (!key.integer() || (string == nullptr && (sequence == nullptr || !sequence->HasItems()))) {
    return std::optional<Value>();
  }
  const int64_t length =
      string != nullptr ? LengthOf(*string) : static_cast<int64_t>(sequence->items.size());
  int64_t index = *key.integer();
  if (index < 0) index = index < -length ? -1 : index + length;
  if (index < 0 || index >= length) return std::optional<Value>();
  if (sequence != nullptr) return std::optional<Value>(sequence->items[static_cast<size_t>(index)]);
  ALT_ASSIGN_OR_RETURN(Value character,
                       KeepMarkup(heap, owner, SliceString(heap, *string, {index, 1, 1})));
  return std::optional<Value>(std::move(character));
}

Result<std::optional<Value>> FindAttribute(Heap& heap, const Value& owner, std::string_view name) {
  if (Object* object = owner.object()) return object->Attribute(heap, name);
  const BuiltinRow* method = FindMethod(owner, name);
  if (method == nullptr) return std::optional<Value>();
  if (method->run == nullptr) {
    return std::optional<Value>(MakeUndefined("access to attribute '" + std::string(name) +
                                              "' of '" + std::string(owner.TypeName()) +
                                              "' object is unsafe."));
  }
  ALT_RETURN_IF_ERROR(heap.CheckDepth(owner.depth() + 1));
  return std::optional<Value>(
      Value(std::shared_ptr<Object>(std::make_shared<BuiltinObject>(*method, owner))));
}

}  // namespace

Result<Value> Arithmetic(Heap& heap, ExpressionKind kind, const Value& left, const Value& right) {
  if (left.is_undefined()) return UndefinedError(left);
  if (left.is_string() && kind == ExpressionKind::kModulo) {
    if (!IsMarkup(left)) return PercentFormat(heap, *left.string(), right);
    ALT_ASSIGN_OR_RETURN(const Value escaped, Escaped(heap, right));
    return KeepMarkup(heap, left, PercentFormat(heap, *left.string(), escaped));
  }
  if (right.is_undefined()) return UndefinedError(right);
  if (left.is_number() && right.is_number()) {
    if (left.is_float() || right.is_float()) {
      return RealArithmetic(kind, left.real(), right.real());
    }
    return IntegerArithmetic(kind, *left.integer(), *right.integer());
  }
  if (kind == ExpressionKind::kAdd) return Add(heap, left, right);
  if (kind == ExpressionKind::kMultiply) {
    if ((left.is_string() || IsListOrTuple(left)) && right.integer()) {
      return Repeat(heap, left, *right.integer());
    }
    if ((right.is_string() || IsListOrTuple(right)) && left.integer()) {
      return Repeat(heap, right, *left.integer());
    }
  }
  return BadOperands(kind, left, right);
}

Result<Value> Negate(const Value& value) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) return Value(-value.real());
  if (!value.is_number()) {
    return TypeError("bad operand type for unary -: '" + std::string(value.TypeName()) + "'");
  }
  return IntegerArithmetic(ExpressionKind::kSubtract, 0, *value.integer());
}

Result<Value> Plus(const Value& value) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) return value;
  if (value.is_number()) return Value(*value.integer());
  return TypeError("bad operand type for unary +: '" + std::string(value.TypeName()) + "'");
}

Result<bool> Contains(Heap& heap, const Value& container, const Value& item) {
  if (const StringObject* string = container.string()) {
    if (!item.is_string()) {
      return TypeError("'in <string>' requires string as left operand, not " +
                       std::string(item.TypeName()));
    }
    ALT_RETURN_IF_ERROR(heap.WorkOfSearch(string->text.size(), item.bytes().size()));
    return string->text.bytes().find(item.bytes()) != std::string::npos;
  }
  if (const DictObject* dict = container.dict()) {
    ALT_ASSIGN_OR_RETURN(const Value* found, Find(heap, *dict, item));
    return found != nullptr;
  }
  if (container.sequence() == nullptr && !container.is_undefined()) {
    return TypeError("argument of type '" + std::string(container.TypeName()) +
                     "' is not iterable");
  }
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(heap, container));
  for (const Value& candidate : items) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, candidate, item));
    if (same) return true;
  }
  return false;
}

Result<bool> Compare(Heap& heap, Comparison comparison, const Value& left, const Value& right) {
  if (comparison == Comparison::kEqual) return Equal(heap, left, right);
  if (comparison == Comparison::kNotEqual) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, left, right));
    return !same;
  }
  if (comparison == Comparison::kIn || comparison == Comparison::kNotIn) {
    ALT_ASSIGN_OR_RETURN(const bool inside, Contains(heap, right, left));
    return inside == (comparison == Comparison::kIn);
  }
  static constexpr std::string_view kSymbols[] = {"==", "!=", "<", "<=", ">", ">="};
  ALT_ASSIGN_OR_RETURN(const int order,
                       Order(heap, left, right, kSymbols[static_cast<size_t>(comparison)]));
  // Order() calls unordered floats equal.
  if (left.is_number() && right.is_number() &&
      (std::isnan(left.real()) || std::isnan(right.real()))) {
    return false;
  }
  if (comparison == Comparison::kLess) return order < 0;
  if (comparison == Comparison::kLessOrEqual) return order <= 0;
  return comparison == Comparison::kGreater ? order > 0 : order >= 0;
}

Result<Value> GetAttribute(Heap& heap, const Value& owner, std::string_view name) {
  if (owner.is_undefined()) return UndefinedError(owner);
  ALT_ASSIGN_OR_RETURN(std::optional<Value> attribute, FindAttribute(heap, owner, name));
  if (attribute) return std::move(*attribute);
  if (const DictObject* dict = owner.dict()) {
    ALT_RETURN_IF_ERROR(heap.Work(dict->entries.size() / 16));
    if (const Value* item = Find(*dict, name)) return *item;
  }
  return MakeMissing(owner, MakeConstantString(std::string(name)));
}

Result<Value> GetItem(Heap& heap, const Value& owner, const Value& key) {
  if (owner.is_undefined()) return UndefinedError(owner);
  ALT_ASSIGN_OR_RETURN(std::optional<Value> item, FindItem(heap, owner, key));
  if (item) return std::move(*item);
  if (key.is_string()) {
    ALT_ASSIGN_OR_RETURN(std::optional<Value> attribute, FindAttribute(heap, owner, key.bytes()));
    if (attribute) return std::move(*attribute);
  }
  return MakeMissing(owner, key);
}

Result<Value> GetSlice(Heap& heap, const Value& owner, const Value& begin, const Value& end,
                       const Value& step) {
  if (owner.is_undefined()) return UndefinedError(owner);
  const SequenceObject* sequence = owner.sequence();
  const bool has_items = sequence != nullptr && sequence->HasItems();
  if (!owner.is_string() && !has_items) {
    return MakeUndefined(std::string(owner.TypeName()) + " object has no element slice");
  }
  ALT_ASSIGN_OR_RETURN(const int64_t length, Length(owner));
  ALT_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(length, begin, end, step));
  if (owner.is_string()) return KeepMarkup(heap, owner, SliceString(heap, *owner.string(), range));
  ALT_RETURN_IF_ERROR(heap.Reserve(static_cast<uint64_t>(range.count) * sizeof(Value)));
  std::vector<Value> items;
  int64_t index = range.first;
  for (int64_t i = 0; i < range.count; ++i) {
    items.push_back(sequence->items[static_cast<size_t>(index)]);
    if (i + 1 < range.count) index += range.step;
  }
  return MakeSequence(heap, std::move(items), sequence->kind);
}

Result<Value> CallValue(Heap& heap, const Value& callee, const Arguments& arguments) {
  if (callee.is_undefined()) return UndefinedError(callee);
  if (Object* object = callee.object()) return object->Call(heap, arguments);
  return TypeError("'" + std::string(callee.TypeName()) + "' object is not callable");
}

}  // namespace altteul::text::jinja
