// SPDX-License-Identifier: Apache-2.0

// A function that the interpreter itself brings: a filter, a test, a method, a global function.
// Each is one row: its name, its parameters as a Python signature would name them, and its code.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/template/markup.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

struct BuiltinCall {
  Heap& heap;
  const Value& self;                        ///< what is filtered, tested, or owns the method
  std::vector<std::optional<Value>> slots;  ///< one for each parameter of the row
  const Arguments& raw;                     ///< as written

  bool Has(size_t slot) const { return slots[slot].has_value(); }
  const Value& Get(size_t slot) const { return *slots[slot]; }
  Value GetOr(size_t slot, Value otherwise) const {
    if (slots[slot].has_value()) otherwise = *slots[slot];
    return otherwise;
  }
  bool Flag(size_t slot) const { return Has(slot) && Get(slot).Truthy(); }
};

struct BuiltinRow {
  std::string_view name;
  std::string_view parameters;  ///< "old,new,count?": "?" may be left out; "*": takes any
  Result<Value> (*run)(BuiltinCall& call);
};

/// Binds arguments to the row's parameters and runs it.
Result<Value> RunBuiltin(Heap& heap, const BuiltinRow& row, const Value& self,
                         const Arguments& arguments);

/// Null when there is none of this name.
const BuiltinRow* FindRow(std::span<const BuiltinRow> rows, std::string_view name);
const BuiltinRow* FindFilter(std::string_view name);
const BuiltinRow* FindTest(std::string_view name);
/// A method of a string, sequence or dict; rows without code are refused by the sandbox.
const BuiltinRow* FindMethod(const Value& owner, std::string_view name);

/// A builtin as a value, with the owner of a method.
class BuiltinObject : public Object {
 public:
  BuiltinObject(const BuiltinRow& row, Value self) : row_(row), self_(std::move(self)) {}
  std::string_view TypeName() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  uint32_t depth() const override { return self_.depth() + 1; }
  Result<Value> Call(Heap& heap, const Arguments& arguments) override {
    return KeepMarkup(heap, self_, RunBuiltin(heap, row_, self_, arguments));
  }

 private:
  const BuiltinRow& row_;
  const Value self_;
};

}  // namespace altteul::text::jinja
