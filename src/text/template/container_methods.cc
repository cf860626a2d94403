// SPDX-License-Identifier: Apache-2.0

// Methods of dicts and lists. Those that would change them are refused, as the sandbox does.

#include <utility>

#include "text/template/builtin.h"

namespace altteul::text::jinja {

const BuiltinRow* FindStringMethod(std::string_view name);

namespace {

Result<Value> DictItems(BuiltinCall& call) {
  const DictEntries& entries = call.self.dict()->entries;
  ALT_RETURN_IF_ERROR(call.heap.Reserve(entries.size() * sizeof(Value)));
  std::vector<Value> pairs;
  for (const auto& [key, value] : entries) {
    ALT_ASSIGN_OR_RETURN(Value pair, MakeSequence(call.heap, {key, value}, SequenceKind::kTuple));
    pairs.push_back(std::move(pair));
  }
  return MakeSequence(call.heap, std::move(pairs), SequenceKind::kView);
}

Result<Value> DictColumn(BuiltinCall& call, bool keys) {
  const DictEntries& entries = call.self.dict()->entries;
  ALT_RETURN_IF_ERROR(call.heap.Reserve(entries.size() * sizeof(Value)));
  std::vector<Value> column;
  for (const auto& entry : entries) column.push_back(keys ? entry.first : entry.second);
  return MakeSequence(call.heap, std::move(column), SequenceKind::kView);
}
Result<Value> DictKeys(BuiltinCall& call) { return DictColumn(call, true); }
Result<Value> DictValues(BuiltinCall& call) { return DictColumn(call, false); }

Result<Value> DictGet(BuiltinCall& call) {
  ALT_ASSIGN_OR_RETURN(const Value* found, Find(call.heap, *call.self.dict(), call.Get(0)));
  if (found != nullptr) return *found;
  return call.Has(1) ? call.Get(1) : Value();
}

Result<Value> Copy(BuiltinCall& call) { return call.self; }  // values never change

Result<Value> IndexOf(BuiltinCall& call) {
  const auto& items = call.self.sequence()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(call.heap, items[i], call.Get(0)));
    if (same) return Value(static_cast<int64_t>(i));
  }
  return TypeError("the value is not in the list");
}

Result<Value> CountOf(BuiltinCall& call) {
  int64_t count = 0;
  for (const Value& item : call.self.sequence()->items) {
    ALT_ASSIGN_OR_RETURN(const bool same, Equal(call.heap, item, call.Get(0)));
    count += same ? 1 : 0;
  }
  return Value(count);
}

constexpr BuiltinRow kDictMethods[] = {
    {"items", "", &DictItems},   {"keys", "", &DictKeys},
    {"values", "", &DictValues}, {"get", "key,default?", &DictGet},
    {"copy", "", &Copy},         {"clear", "", nullptr},
    {"pop", "", nullptr},        {"popitem", "", nullptr},
    {"setdefault", "", nullptr}, {"update", "", nullptr},
};

constexpr BuiltinRow kListMethods[] = {
    {"index", "value", &IndexOf}, {"count", "value", &CountOf}, {"copy", "", &Copy},
    {"append", "", nullptr},      {"clear", "", nullptr},       {"pop", "", nullptr},
    {"reverse", "", nullptr},     {"insert", "", nullptr},      {"sort", "", nullptr},
    {"extend", "", nullptr},      {"remove", "", nullptr},
};

constexpr BuiltinRow kTupleMethods[] = {
    {"index", "value", &IndexOf},
    {"count", "value", &CountOf},
};

}  // namespace

const BuiltinRow* FindMethod(const Value& owner, std::string_view name) {
  if (owner.is_string()) return FindStringMethod(name);
  if (owner.dict() != nullptr) return FindRow(kDictMethods, name);
  const SequenceObject* sequence = owner.sequence();
  if (sequence == nullptr || !sequence->HasItems()) return nullptr;
  return sequence->kind == SequenceKind::kList ? FindRow(kListMethods, name)
                                               : FindRow(kTupleMethods, name);
}

}  // namespace altteul::text::jinja
