// SPDX-License-Identifier: Apache-2.0

// Filters of lists, dicts and whatever else can be walked over.

#include <algorithm>
#include <charconv>
#include <utility>

#include "text/template/filter_rows.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"
#include "text/template/string_edit.h"

namespace altteul::text::jinja {
namespace {

using Call = BuiltinCall;

// "a.b.0" of a value: attributes or items by name, items by number.
Result<Value> GetPath(Heap& heap, Value value, const Value& path) {
  if (!path.is_string()) return GetItem(heap, value, path);
  std::string_view rest = path.bytes();
  while (true) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = !part.empty() && part[0] != '-' && read.ec == std::errc() &&
                        read.ptr == part.data() + part.size();
    // environment.getitem() looks for an item first, then for an attribute.
    ALT_ASSIGN_OR_RETURN(
        value, GetItem(heap, value, number ? Value(index) : MakeConstantString(std::string(part))));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

// What a filter with `attribute` and `case_sensitive` compares.
Result<Value> SortKey(Heap& heap, const Value& item, const Value* attribute, bool case_sensitive) {
  Value key = item;
  if (attribute != nullptr && !attribute->is_none()) {
    ALT_ASSIGN_OR_RETURN(key, GetPath(heap, item, *attribute));
  }
  if (case_sensitive || !key.is_string()) return key;
  return ChangeCase(heap, key.string()->text, Case::kLower);
}

const Value* Optional(const Call& call, size_t slot) {
  return call.Has(slot) ? &call.Get(slot) : nullptr;
}

Result<Value> SizeOf(Call& call) {
  ALT_ASSIGN_OR_RETURN(const int64_t length, Length(call.self));
  return Value(length);
}

Result<Value> First(Call& call) {
  SequenceObject* sequence = call.self.sequence();
  if (sequence != nullptr && !sequence->HasLength() && sequence->next < sequence->items.size()) {
    return sequence->items[sequence->next++];
  }
  if (call.self.is_string())
    return [&]() -> Result<Value> {
      if (call.self.bytes().empty()) return MakeUndefined("No first item, sequence was empty.");
      return GetItem(call.heap, call.self, Value(int64_t{0}));
    }();
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  return items.empty() ? MakeUndefined("No first item, sequence was empty.") : items.front();
}

Result<Value> Last(Call& call) {
  const SequenceObject* sequence = call.self.sequence();
  if (sequence != nullptr && !sequence->HasLength()) {
    return TypeError("'generator' object is not reversible");
  }
  if (call.self.is_string()) {
    if (call.self.bytes().empty()) return MakeUndefined("No last item, sequence was empty.");
    return GetItem(call.heap, call.self, Value(int64_t{-1}));
  }
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  return items.empty() ? MakeUndefined("No last item, sequence was empty.") : items.back();
}

Result<Value> ToList(Call& call) {
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(call.heap, call.self));
  return MakeSequence(call.heap, std::move(items));
}

Result<Value> Join(Call& call) {
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(call.heap, call.self));
  if (call.Has(1) && !call.Get(1).is_none()) {
    for (Value& item : items) {
      ALT_ASSIGN_OR_RETURN(item, GetPath(call.heap, item, call.Get(1)));
    }
  }
  OriginText separator;
  if (call.Has(0)) {
    ALT_ASSIGN_OR_RETURN(separator, ToText(call.heap, call.Get(0)));
  }
  return JoinTexts(call.heap, items, separator);
}

Result<Value> Reverse(Call& call) {
  if (call.self.is_string())
    return GetSlice(call.heap, call.self, Value(), Value(), Value(int64_t{-1}));
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(call.heap, call.self));
  std::reverse(items.begin(), items.end());
  return MakeSequence(call.heap, std::move(items), SequenceKind::kGenerator);
}

// Stable sort of `items` by `keys`.
Result<std::vector<Value>> SortBy(Heap& heap, const std::vector<Value>& items,
                                  const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Status failed;
  const auto before = [&](size_t a, size_t b) {
    if (!failed.ok()) return false;
    const auto compared = Order(heap, keys[a], keys[b]);
    if (!compared.ok()) failed = compared.status();
    return compared.ok() && Result<int>(compared).value() < 0;
  };
  // Python's reverse sort keeps equal items in their order.
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return reverse ? before(b, a) : before(a, b); });
  ALT_RETURN_IF_ERROR(failed);
  std::vector<Value> sorted;
  for (const size_t i : order) sorted.push_back(items[i]);
  return sorted;
}

Result<std::vector<Value>> KeysOf(Heap& heap, const std::vector<Value>& items,
                                  const Value* attribute, bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    ALT_ASSIGN_OR_RETURN(Value key, SortKey(heap, item, attribute, case_sensitive));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<Value> Sort(Call& call) {
  if (call.Has(2) && call.Get(2).is_string() &&
      call.Get(2).bytes().find(',') != std::string_view::npos) {
    return TypeError("sort by several attributes is not supported");
  }
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                       KeysOf(call.heap, items, Optional(call, 2), call.Flag(1)));
  ALT_ASSIGN_OR_RETURN(std::vector<Value> sorted, SortBy(call.heap, items, keys, call.Flag(0)));
  return MakeSequence(call.heap, std::move(sorted));
}

Result<Value> PairsOf(Heap& heap, const Value& dict, SequenceKind kind) {
  static const Arguments kNoArguments;
  ALT_ASSIGN_OR_RETURN(const Value view,
                       RunBuiltin(heap, *FindMethod(dict, "items"), dict, kNoArguments));
  return MakeSequence(heap, view.sequence()->items, kind);
}

Result<Value> Items(Call& call) {
  if (call.self.is_undefined()) return MakeSequence(call.heap, {}, SequenceKind::kGenerator);
  if (call.self.dict() == nullptr) return TypeError("Can only get item pairs from a mapping.");
  return PairsOf(call.heap, call.self, SequenceKind::kGenerator);
}

Result<Value> DictSort(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  if (call.self.dict() == nullptr) {
    return TypeError("'" + std::string(call.self.TypeName()) + "' object has no attribute 'items'");
  }
  const std::string_view by = call.Has(1) && call.Get(1).is_string() ? call.Get(1).bytes() : "key";
  if (by != "key" && by != "value") {
    return TypeError("You can only sort by either \"key\" or \"value\"");
  }
  ALT_ASSIGN_OR_RETURN(const Value pairs, PairsOf(call.heap, call.self, SequenceKind::kList));
  const Value column(int64_t{by == "key" ? 0 : 1});
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                       KeysOf(call.heap, pairs.sequence()->items, &column, call.Flag(0)));
  ALT_ASSIGN_OR_RETURN(std::vector<Value> sorted,
                       SortBy(call.heap, pairs.sequence()->items, keys, call.Flag(2)));
  return MakeSequence(call.heap, std::move(sorted));
}

Result<Value> Unique(Call& call) {
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                       KeysOf(call.heap, items, Optional(call, 1), call.Flag(0)));
  std::vector<Value> kept;
  std::vector<Value> seen;
  for (size_t i = 0; i < items.size(); ++i) {
    bool known = false;
    for (size_t j = 0; j < seen.size() && !known; ++j) {
      ALT_ASSIGN_OR_RETURN(known, Equal(call.heap, seen[j], keys[i]));
    }
    if (known) continue;
    seen.push_back(keys[i]);
    kept.push_back(items[i]);
  }
  return MakeSequence(call.heap, std::move(kept), SequenceKind::kGenerator);
}

Result<Value> Extreme(Call& call, int wanted) {
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  if (items.empty()) return MakeUndefined("No aggregated item, sequence was empty.");
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> keys,
                       KeysOf(call.heap, items, Optional(call, 1), call.Flag(0)));
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    ALT_ASSIGN_OR_RETURN(const int order, Order(call.heap, keys[i], keys[best]));
    if (order == wanted) best = i;
  }
  return items[best];
}
Result<Value> Min(Call& call) { return Extreme(call, -1); }
Result<Value> Max(Call& call) { return Extreme(call, 1); }

Result<Value> Sum(Call& call) {
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  Value total = call.Has(1) ? call.Get(1) : Value(int64_t{0});
  for (const Value& item : items) {
    Value term = item;
    if (call.Has(0) && !call.Get(0).is_none()) {
      ALT_ASSIGN_OR_RETURN(term, GetPath(call.heap, item, call.Get(0)));
    }
    ALT_ASSIGN_OR_RETURN(total, Arithmetic(call.heap, ExpressionKind::kAdd, total, term));
  }
  return total;
}

// The arguments after the first `skip`.
Arguments Rest(const Arguments& all, size_t skip) {
  Arguments rest;
  const size_t begin = std::min(skip, all.positional.size());
  rest.positional.assign(all.positional.begin() + static_cast<ptrdiff_t>(begin),
                         all.positional.end());
  rest.named = all.named;
  return rest;
}

// map, select and their like ask first whether there is anything: none and 0 give nothing, where a
// loop over them would be an error.
Result<Value> Nothing(Call& call) { return MakeSequence(call.heap, {}, SequenceKind::kGenerator); }

// map(attribute=..., default=...) or map("filter", arguments...).
Result<Value> Map(Call& call) {
  if (!call.self.Truthy()) return Nothing(call);
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(call.heap, call.self));
  const Value* attribute = nullptr;
  const Value* otherwise = nullptr;
  const BuiltinRow* filter = nullptr;
  if (call.raw.positional.empty()) {
    for (const auto& [name, value] : call.raw.named) {
      if (name == "attribute")
        attribute = &value;
      else if (name == "default")
        otherwise = &value;
      else
        return TypeError("Unexpected keyword argument '" + name + "'");
    }
    if (attribute == nullptr) return TypeError("map requires a filter argument");
  } else {
    const Value& name = call.raw.positional[0];
    filter = name.is_string() ? FindFilter(name.bytes()) : nullptr;
    if (filter == nullptr) {
      return Status(ErrorCode::kUnsupported,
                    "No filter named '" + std::string(name.is_string() ? name.bytes() : "") + "'.");
    }
  }
  const Arguments rest = Rest(call.raw, 1);
  for (Value& item : items) {
    ALT_ASSIGN_OR_RETURN(item, filter != nullptr ? RunBuiltin(call.heap, *filter, item, rest)
                                                 : GetPath(call.heap, item, *attribute));
    if (otherwise != nullptr && item.is_undefined()) item = *otherwise;
  }
  return MakeSequence(call.heap, std::move(items), SequenceKind::kGenerator);
}

// select, reject, selectattr, rejectattr: items whose value (or attribute) passes a test.
Result<Value> Choose(Call& call, bool by_attribute, bool wanted) {
  if (!call.self.Truthy()) return Nothing(call);
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.self));
  const auto& positional = call.raw.positional;
  if (by_attribute && positional.empty()) return TypeError("Missing parameter for attribute name");
  const size_t at = by_attribute ? 1 : 0;
  const BuiltinRow* test = nullptr;
  if (positional.size() > at) {
    const Value& name = positional[at];
    test = name.is_string() ? FindTest(name.bytes()) : nullptr;
    if (test == nullptr) {
      return Status(ErrorCode::kUnsupported,
                    "No test named '" + std::string(name.is_string() ? name.bytes() : "") + "'.");
    }
  }
  const Arguments rest = Rest(call.raw, at + 1);
  std::vector<Value> chosen;
  for (const Value& item : items) {
    Value subject = item;
    if (by_attribute) {
      ALT_ASSIGN_OR_RETURN(subject, GetPath(call.heap, item, positional[0]));
    }
    ALT_RETURN_IF_ERROR(call.heap.Work(1));
    if (test != nullptr) {
      ALT_ASSIGN_OR_RETURN(subject, RunBuiltin(call.heap, *test, subject, rest));
    }
    if (subject.Truthy() == wanted) chosen.push_back(item);
  }
  return MakeSequence(call.heap, std::move(chosen), SequenceKind::kGenerator);
}
Result<Value> Select(Call& call) { return Choose(call, false, true); }
Result<Value> Reject(Call& call) { return Choose(call, false, false); }
Result<Value> SelectAttr(Call& call) { return Choose(call, true, true); }
Result<Value> RejectAttr(Call& call) { return Choose(call, true, false); }

Result<Value> Attr(Call& call) {
  if (!call.Get(0).is_string()) return TypeError("attr: the name must be a str");
  if (call.self.dict() != nullptr && FindMethod(call.self, call.Get(0).bytes()) == nullptr) {
    return MakeMissing(call.self, call.Get(0));  // attributes only, never items
  }
  return GetAttribute(call.heap, call.self, call.Get(0).bytes());
}

Result<Value> Batch(Call& call) {
  ALT_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(call.heap, call.self));
  const auto width = call.Get(0).integer();
  if (!width || *width < 1 || *width > 1'000'000) return TypeError("batch: bad line count");
  const size_t size = static_cast<size_t>(*width);
  const bool fills = call.Has(1) && !call.Get(1).is_none();
  std::vector<Value> batches;
  for (size_t at = 0; at < items.size(); at += size) {
    const size_t end = std::min(at + size, items.size());
    std::vector<Value> batch(items.begin() + static_cast<ptrdiff_t>(at),
                             items.begin() + static_cast<ptrdiff_t>(end));
    if (fills) {
      ALT_RETURN_IF_ERROR(call.heap.Reserve(size * sizeof(Value)));
      batch.resize(size, call.Get(1));
    }
    ALT_ASSIGN_OR_RETURN(Value made, MakeSequence(call.heap, std::move(batch)));
    batches.push_back(std::move(made));
  }
  return MakeSequence(call.heap, std::move(batches), SequenceKind::kGenerator);
}

constexpr BuiltinRow kRows[] = {
    {"length", "", &SizeOf},
    {"count", "", &SizeOf},
    {"first", "", &First},
    {"last", "", &Last},
    {"list", "", &ToList},
    {"join", "d?,attribute?", &Join},
    {"reverse", "", &Reverse},
    {"sort", "reverse?,case_sensitive?,attribute?", &Sort},
    {"items", "", &Items},
    {"dictsort", "case_sensitive?,by?,reverse?", &DictSort},
    {"unique", "case_sensitive?,attribute?", &Unique},
    {"min", "case_sensitive?,attribute?", &Min},
    {"max", "case_sensitive?,attribute?", &Max},
    {"sum", "attribute?,start?", &Sum},
    {"map", "*", &Map},
    {"select", "*", &Select},
    {"reject", "*", &Reject},
    {"selectattr", "*", &SelectAttr},
    {"rejectattr", "*", &RejectAttr},
    {"attr", "name", &Attr},
    {"batch", "linecount,fill_with?", &Batch},
};

}  // namespace

std::span<const BuiltinRow> SequenceFilters() { return kRows; }

const BuiltinRow* FindFilter(std::string_view name) {
  const BuiltinRow* row = FindRow(ValueFilters(), name);
  return row != nullptr ? row : FindRow(SequenceFilters(), name);
}

}  // namespace altteul::text::jinja
