// SPDX-License-Identifier: Apache-2.0

#include "text/template/value.h"

#include <algorithm>
#include <cmath>

#include "text/template/code_points.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

constexpr uint64_t kObjectBytes = 96;  // control block, header and allocator overhead

bool IsAscii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return (c & 0x80) == 0; });
}

bool IsHashable(const Value& value) {
  if (value.dict() != nullptr) return false;
  const SequenceObject* sequence = value.sequence();
  if (sequence == nullptr) return true;
  if (sequence->kind != SequenceKind::kTuple) return false;
  return std::all_of(sequence->items.begin(), sequence->items.end(), IsHashable);
}

Result<bool> SequencesEqual(Heap& heap, const SequenceObject& a, const SequenceObject& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, a.items[i], b.items[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> DictsEqual(Heap& heap, const DictObject& a, const DictObject& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    ALT_ASSIGN_OR_RETURN(const Value* other, Find(heap, b, key));
    if (other == nullptr) return false;
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, value, *other));
    if (!same) return false;
  }
  return true;
}

int Sign(std::string_view a, std::string_view b) {
  // UTF-8 sorts by bytes as code points do.
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0;
}

}  // namespace

Result<std::optional<Value>> Object::Attribute(Heap&, std::string_view) {
  return std::optional<Value>();
}

Result<Value> Object::Call(Heap&, const Arguments&) {
  return TypeError("'" + std::string(TypeName()) + "' object is not callable");
}

const StringObject* Value::string() const {
  const auto* held = std::get_if<std::shared_ptr<const StringObject>>(&held_);
  return held == nullptr ? nullptr : held->get();
}
SequenceObject* Value::sequence() const {
  const auto* held = std::get_if<std::shared_ptr<SequenceObject>>(&held_);
  return held == nullptr ? nullptr : held->get();
}
const DictObject* Value::dict() const {
  const auto* held = std::get_if<std::shared_ptr<const DictObject>>(&held_);
  return held == nullptr ? nullptr : held->get();
}
Object* Value::object() const {
  const auto* held = std::get_if<std::shared_ptr<Object>>(&held_);
  return held == nullptr ? nullptr : held->get();
}

std::optional<int64_t> Value::integer() const {
  if (const auto* held = std::get_if<int64_t>(&held_)) return *held;
  if (const auto* held = std::get_if<bool>(&held_)) return *held ? 1 : 0;
  return std::nullopt;
}

double Value::real() const {
  if (const auto* held = std::get_if<double>(&held_)) return *held;
  return static_cast<double>(integer().value_or(0));
}

uint32_t Value::depth() const {
  if (const auto* held = sequence()) return held->depth;
  if (const auto* held = dict()) return held->depth;
  if (const auto* held = object()) return held->depth();
  return 0;
}

std::string_view Value::TypeName() const {
  if (is_none()) return "NoneType";
  if (is_undefined()) return "Undefined";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (is_string()) return "str";
  if (dict() != nullptr) return "dict";
  if (const Object* held = object()) return held->TypeName();
  switch (sequence()->kind) {
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kGenerator:
      return "generator";
    case SequenceKind::kView:
      return "dict_items";
    case SequenceKind::kList:
      break;
  }
  return "list";
}

bool Value::Truthy() const {
  if (is_none() || is_undefined()) return false;
  if (is_number()) return real() != 0.0;
  if (const auto* held = string()) return held->text.size() > 0;
  if (const auto* held = dict()) return !held->entries.empty();
  if (const auto* held = sequence()) return !held->HasLength() || !held->items.empty();
  return true;
}

bool Value::Same(const Value& other) const {
  if (held_.index() != other.held_.index()) return false;
  if (is_none()) return true;
  if (is_float()) return real() == other.real();
  if (is_number()) return integer() == other.integer();
  if (is_undefined()) return undefined()->message == other.undefined()->message;
  return string() == other.string() && sequence() == other.sequence() && dict() == other.dict() &&
         object() == other.object();
}

Result<std::optional<Value>> NamespaceObject::Attribute(Heap& heap, std::string_view name) {
  ALT_RETURN_IF_ERROR(heap.Work(attributes_.size() / 16));
  for (const auto& [key, value] : attributes_) {
    if (key == name) return std::optional<Value>(value);
  }
  return std::optional<Value>();
}

Status NamespaceObject::Set(Heap& heap, std::string_view name, Value value) {
  ALT_RETURN_IF_ERROR(heap.Work(attributes_.size() / 16));
  if (name.substr(0, 1) == "_") {
    std::string quoted;
    AppendQuoted(quoted, name);
    return TypeError(
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
        quoted + ". Please rename the attribute.");
  }
  for (auto& [key, held] : attributes_) {
    if (key != name) continue;
    held = std::move(value);
    return Status();
  }
  attributes_.emplace_back(std::string(name), std::move(value));
  return Status();
}

Result<Value> MakeString(Heap& heap, OriginText text, StringKind kind) {
  const uint64_t bytes = text.Footprint() + kObjectBytes;
  ALT_RETURN_IF_ERROR(heap.Reserve(bytes));
  const bool ascii = IsAscii(text.bytes());
  return Value(std::make_shared<const StringObject>(
      StringObject{std::move(text), ascii, Charge(heap, bytes), kind == StringKind::kMarkup}));
}

Result<Value> MakeString(Heap& heap, std::string_view bytes, bool from_template) {
  return MakeString(heap, OriginText(std::string(bytes), from_template));
}

Value MakeConstantString(std::string bytes) {
  const bool ascii = IsAscii(bytes);
  return Value(std::make_shared<const StringObject>(
      StringObject{OriginText(std::move(bytes), true), ascii, Charge()}));
}

Result<Value> MakeSequence(Heap& heap, std::vector<Value> items, SequenceKind kind) {
  const uint64_t bytes = items.size() * sizeof(Value) + kObjectBytes;
  ALT_RETURN_IF_ERROR(heap.Reserve(bytes));
  uint32_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  ALT_RETURN_IF_ERROR(heap.CheckDepth(depth + 1));
  return Value(std::make_shared<SequenceObject>(
      SequenceObject{kind, std::move(items), 0, depth + 1, Charge(heap, bytes)}));
}

Result<Value> MakeDictOfUnique(Heap& heap, DictEntries entries) {
  const uint64_t bytes = entries.size() * 2 * sizeof(Value) + kObjectBytes;
  ALT_RETURN_IF_ERROR(heap.Reserve(bytes));
  uint32_t depth = 0;
  for (const auto& [key, value] : entries) {
    depth = std::max({depth, key.depth(), value.depth()});
  }
  ALT_RETURN_IF_ERROR(heap.CheckDepth(depth + 1));
  return Value(std::make_shared<const DictObject>(
      DictObject{std::move(entries), depth + 1, Charge(heap, bytes)}));
}

Result<Value> MakeDict(Heap& heap, DictEntries&& entries) {
  DictObject unique;
  for (auto& [key, value] : entries) {
    ALT_ASSIGN_OR_RETURN(const Value* held, Find(heap, unique, key));
    if (held == nullptr) {
      unique.entries.emplace_back(std::move(key), std::move(value));
      continue;
    }
    for (auto& entry : unique.entries) {
      if (&entry.second == held) entry.second = value;
    }
  }
  return MakeDictOfUnique(heap, std::move(unique.entries));
}

Value MakeUndefined(std::string message) {
  return Value(Undefined{std::make_shared<const std::string>(std::move(message))});
}

Value MakeMissing(const Value& owner, const Value& name) {
  std::string of = owner.is_none() ? "None" : std::string(owner.TypeName()) + " object";
  if (name.is_string()) {
    std::string quoted;
    AppendQuoted(quoted, name.bytes());
    return MakeUndefined("'" + of + "' has no attribute " + quoted);
  }
  std::string shown =
      name.integer() ? std::to_string(*name.integer()) : "of type " + std::string(name.TypeName());
  return MakeUndefined(std::move(of) + " has no element " + std::move(shown));
}

Status UndefinedError(const Value& value) {
  return Status(ErrorCode::kInvalidArgument, *value.undefined()->message);
}

Status TypeError(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Result<bool> Equal(Heap& heap, const Value& a, const Value& b) {
  ALT_RETURN_IF_ERROR(heap.Work(1));
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.real() == b.real();
    return a.integer() == b.integer();
  }
  if (a.is_string() && b.is_string()) {
    if (a.bytes().size() != b.bytes().size()) return false;
    ALT_RETURN_IF_ERROR(heap.Work(a.bytes().size() / Heap::kBytesPerStep));
    return a.bytes() == b.bytes();
  }
  if (a.is_undefined() && b.is_undefined()) return true;
  if (a.dict() != nullptr && b.dict() != nullptr) return DictsEqual(heap, *a.dict(), *b.dict());
  if (a.sequence() != nullptr && b.sequence() != nullptr && a.sequence() != b.sequence()) {
    return SequencesEqual(heap, *a.sequence(), *b.sequence());
  }
  return a.Same(b);
}

Result<int> Order(Heap& heap, const Value& a, const Value& b, std::string_view symbol) {
  ALT_RETURN_IF_ERROR(heap.Work(1));
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.real() < b.real() ? -1 : a.real() > b.real();
    return *a.integer() < *b.integer() ? -1 : *a.integer() > *b.integer();
  }
  if (a.is_string() && b.is_string()) {
    ALT_RETURN_IF_ERROR(heap.Work(a.bytes().size() / Heap::kBytesPerStep));
    return Sign(a.bytes(), b.bytes());
  }
  const SequenceObject* left = a.sequence();
  const SequenceObject* right = b.sequence();
  if (left == nullptr || right == nullptr || left->kind != right->kind || !left->HasItems()) {
    return TypeError("'" + std::string(symbol) + "' not supported between instances of '" +
                     std::string(a.TypeName()) + "' and '" + std::string(b.TypeName()) + "'");
  }
  const size_t common = std::min(left->items.size(), right->items.size());
  for (size_t i = 0; i < common; ++i) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, left->items[i], right->items[i]));
    if (!same) return Order(heap, left->items[i], right->items[i], symbol);
  }
  return left->items.size() < right->items.size() ? -1 : left->items.size() > right->items.size();
}

Result<const Value*> Find(Heap& heap, const DictObject& dict, const Value& key) {
  if (!IsHashable(key)) return TypeError("unhashable type: '" + std::string(key.TypeName()) + "'");
  ALT_RETURN_IF_ERROR(heap.Work(1 + dict.entries.size() / 16));
  if (key.is_string()) return Find(dict, key.bytes());
  for (const auto& [held, value] : dict.entries) {
    if (held.is_string()) continue;
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(heap, held, key));
    if (same) return &value;
  }
  return static_cast<const Value*>(nullptr);
}

const Value* Find(const DictObject& dict, std::string_view key) {
  for (const auto& [held, value] : dict.entries) {
    if (held.is_string() && held.bytes() == key) return &value;
  }
  return nullptr;
}

Result<std::vector<Value>> Iterate(Heap& heap, const Value& value) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (const StringObject* string = value.string()) {
    const std::string_view bytes = string->text.bytes();
    ALT_RETURN_IF_ERROR(heap.Reserve(bytes.size() * kObjectBytes));
    for (size_t at = 0; at < bytes.size();) {
      const size_t end = at + CodePointAt(bytes, at).length;
      ALT_ASSIGN_OR_RETURN(Value character, MakeString(heap, string->text.Slice(at, end)));
      items.push_back(std::move(character));
      at = end;
    }
    return items;
  }
  if (SequenceObject* sequence = value.sequence()) {
    ALT_RETURN_IF_ERROR(heap.Reserve(sequence->items.size() * sizeof(Value)));
    items.assign(sequence->items.begin() + static_cast<ptrdiff_t>(sequence->next),
                 sequence->items.end());
    if (!sequence->HasLength()) sequence->next = sequence->items.size();
    return items;
  }
  if (const DictObject* dict = value.dict()) {
    ALT_RETURN_IF_ERROR(heap.Reserve(dict->entries.size() * sizeof(Value)));
    for (const auto& entry : dict->entries) items.push_back(entry.first);
    return items;
  }
  return TypeError("'" + std::string(value.TypeName()) + "' object is not iterable");
}

int64_t LengthOf(const StringObject& string) {
  return static_cast<int64_t>(string.ascii ? string.text.size()
                                           : CountCodePoints(string.text.bytes()));
}

Result<int64_t> Length(const Value& value) {
  if (value.is_undefined()) return int64_t{0};
  if (const StringObject* string = value.string()) return LengthOf(*string);
  if (const DictObject* dict = value.dict()) return static_cast<int64_t>(dict->entries.size());
  const SequenceObject* sequence = value.sequence();
  if (sequence != nullptr && sequence->HasLength()) {
    return static_cast<int64_t>(sequence->items.size());
  }
  return TypeError("object of type '" + std::string(value.TypeName()) + "' has no len()");
}

}  // namespace altteul::text::jinja
