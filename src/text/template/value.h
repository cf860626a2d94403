// SPDX-License-Identifier: Apache-2.0

// The values a template computes with: Python's, as far as templates use them.
//
// Strings, sequences and dicts never change once made (the sandbox forbids it), so that a copy of a
// Value is cheap and values cannot form cycles. Only namespaces and loops change; the interpreter
// keeps a list of namespaces and empties them at the end. The nesting of values is limited when
// they are made, so that walking and freeing them may recurse.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "text/template/heap.h"
#include "text/template/origin_text.h"

namespace altteul::text::jinja {

class Value;

struct None {};

/// A name or attribute that does not exist. Prints as "", everything else fails with its message.
struct Undefined {
  std::shared_ptr<const std::string> message;  ///< shared by the copies of one value
};

struct StringObject {
  OriginText text;
  bool ascii = true;  ///< a code point is a byte
  Charge charge;
  bool is_markup = false;  ///< counts as escaped already (markup.h)
};

enum class SequenceKind : uint8_t {
  kList,
  kTuple,
  kRange,
  kGenerator,  ///< what map, select and their like yield: walked over once
  kView,       ///< dict.keys(), .values(), .items()
};

struct SequenceObject;
struct DictObject;

/// Keyword arguments come in the order they were written.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Namespaces, functions, methods, macros and loops.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view TypeName() const = 0;
  virtual bool callable() const { return false; }
  virtual uint32_t depth() const { return 1; }
  /// Nothing when there is no such attribute.
  virtual Result<std::optional<Value>> Attribute(Heap& heap, std::string_view name);
  virtual Result<Value> Call(Heap& heap, const Arguments& arguments);
};

class NamespaceObject;

class Value {
 public:
  Value() : held_(None{}) {}
  explicit Value(bool value) : held_(value) {}
  explicit Value(int64_t value) : held_(value) {}
  explicit Value(double value) : held_(value) {}
  explicit Value(Undefined value) : held_(std::move(value)) {}
  // Objects below are shared by the variables, lists and stack slots that name the same value.
  explicit Value(std::shared_ptr<const StringObject> value) : held_(std::move(value)) {}
  explicit Value(std::shared_ptr<SequenceObject> value) : held_(std::move(value)) {}
  explicit Value(std::shared_ptr<const DictObject> value) : held_(std::move(value)) {}
  explicit Value(std::shared_ptr<Object> value) : held_(std::move(value)) {}

  bool is_undefined() const { return std::holds_alternative<Undefined>(held_); }
  bool is_none() const { return std::holds_alternative<None>(held_); }
  bool is_bool() const { return std::holds_alternative<bool>(held_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(held_); }  ///< not bool
  bool is_float() const { return std::holds_alternative<double>(held_); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }
  bool is_string() const { return string() != nullptr; }

  /// Each is null when the value is of another type.
  const StringObject* string() const;
  SequenceObject* sequence() const;
  const DictObject* dict() const;
  Object* object() const;
  const Undefined* undefined() const { return std::get_if<Undefined>(&held_); }

  std::string_view bytes() const { return string()->text.bytes(); }  ///< @pre is_string()
  /// The integer of a bool or an int.
  std::optional<int64_t> integer() const;
  double real() const;  ///< @pre is_number()

  uint32_t depth() const;
  /// Python's name of the type: "str", "dict", "NoneType".
  std::string_view TypeName() const;
  bool Truthy() const;
  /// Same object or the same small constant.
  bool Same(const Value& other) const;

 private:
  std::variant<None, Undefined, bool, int64_t, double, std::shared_ptr<const StringObject>,
               std::shared_ptr<SequenceObject>, std::shared_ptr<const DictObject>,
               std::shared_ptr<Object>>
      held_;
};

struct SequenceObject {
  SequenceKind kind = SequenceKind::kList;
  std::vector<Value> items;
  size_t next = 0;  ///< kGenerator: items before it are gone
  uint32_t depth = 1;
  Charge charge;

  bool HasLength() const { return kind != SequenceKind::kGenerator; }
  bool HasItems() const { return HasLength() && kind != SequenceKind::kView; }
};

using DictEntries = std::vector<std::pair<Value, Value>>;

struct DictObject {
  DictEntries entries;  ///< keys differ
  uint32_t depth = 1;
  Charge charge;
};

class NamespaceObject : public Object {
 public:
  std::string_view TypeName() const override { return "Namespace"; }
  Result<std::optional<Value>> Attribute(Heap& heap, std::string_view name) override;
  Status Set(Heap& heap, std::string_view name, Value value);
  void Clear() { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

enum class StringKind : uint8_t { kPlain, kMarkup };

// Makers. @return kRefused when a limit is hit.
Result<Value> MakeString(Heap& heap, OriginText text, StringKind kind = StringKind::kPlain);
Result<Value> MakeString(Heap& heap, std::string_view bytes, bool from_template = false);
Result<Value> MakeSequence(Heap& heap, std::vector<Value> items,
                           SequenceKind kind = SequenceKind::kList);
/// Later entries win over earlier ones of the same key.
Result<Value> MakeDict(Heap& heap, DictEntries&& entries);
/// For entries whose keys are known to differ.
Result<Value> MakeDictOfUnique(Heap& heap, DictEntries entries);
/// A string that lives as long as the program, in no heap.
Value MakeConstantString(std::string bytes);

Value MakeUndefined(std::string message);
/// What Jinja says when `owner` has no attribute or item `name`.
Value MakeMissing(const Value& owner, const Value& name);

/// The error of using an undefined value.
Status UndefinedError(const Value& value);
Status TypeError(std::string message);

// Comparison as Python's == and <.
Result<bool> Equal(Heap& heap, const Value& a, const Value& b);
/// <0, 0, >0. @return kInvalidArgument for types without order; `symbol` is for its message
Result<int> Order(Heap& heap, const Value& a, const Value& b, std::string_view symbol = "<");
/// The entry of `key`, or null. @return kInvalidArgument for a key that cannot be hashed
Result<const Value*> Find(Heap& heap, const DictObject& dict, const Value& key);
const Value* Find(const DictObject& dict, std::string_view key);

/// What a for loop walks over: items, keys, characters. Uses up generators.
Result<std::vector<Value>> Iterate(Heap& heap, const Value& value);
/// len(). @return kInvalidArgument for what has none
Result<int64_t> Length(const Value& value);
/// Characters of a string.
int64_t LengthOf(const StringObject& string);

}  // namespace altteul::text::jinja
