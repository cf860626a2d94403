// SPDX-License-Identifier: Apache-2.0

#include "text/template/markup.h"

#include <utility>

namespace altteul::text::jinja {
namespace {

OriginText EscapedText(const OriginText& text) {
  OriginText out;
  for (size_t at = 0; at < text.size(); ++at) {
    std::string_view shown = std::string_view(text.bytes()).substr(at, 1);
    if (shown == "&") shown = "&amp;";
    if (shown == "<") shown = "&lt;";
    if (shown == ">") shown = "&gt;";
    if (shown == "'") shown = "&#39;";
    if (shown == "\"") shown = "&#34;";
    out.Append(shown, text.FromTemplateAt(at));
  }
  return out;
}

}  // namespace

bool IsMarkup(const Value& value) { return value.is_string() && value.string()->is_markup; }

Result<Value> AsMarkup(Heap& heap, const Value& value) {
  if (value.is_string()) {
    if (IsMarkup(value)) return value;
    ALT_RETURN_IF_ERROR(heap.Reserve(value.string()->text.Footprint()));
    return MakeString(heap, value.string()->text, StringKind::kMarkup);
  }
  if (value.sequence() == nullptr) return value;
  std::vector<Value> items;
  for (const Value& item : value.sequence()->items) {
    ALT_ASSIGN_OR_RETURN(Value marked, AsMarkup(heap, item));
    items.push_back(std::move(marked));
  }
  return MakeSequence(heap, std::move(items), value.sequence()->kind);
}

Result<Value> Escaped(Heap& heap, const Value& value) {
  if (IsMarkup(value)) return value;
  if (value.is_string()) {
    ALT_RETURN_IF_ERROR(heap.Reserve(6 * value.string()->text.Footprint()));
    return MakeString(heap, EscapedText(value.string()->text), StringKind::kMarkup);
  }
  if (value.dict() != nullptr) {
    DictEntries entries;
    for (const auto& [key, item] : value.dict()->entries) {
      ALT_ASSIGN_OR_RETURN(Value escaped, Escaped(heap, item));
      entries.emplace_back(key, std::move(escaped));
    }
    return MakeDictOfUnique(heap, std::move(entries));
  }
  if (value.sequence() == nullptr) return value;
  std::vector<Value> items;
  for (const Value& item : value.sequence()->items) {
    ALT_ASSIGN_OR_RETURN(Value escaped, Escaped(heap, item));
    items.push_back(std::move(escaped));
  }
  return MakeSequence(heap, std::move(items), value.sequence()->kind);
}

Result<Value> KeepMarkup(Heap& heap, const Value& source, Result<Value> result) {
  if (!result.ok() || !IsMarkup(source)) return result;
  return AsMarkup(heap, result.value());
}

}  // namespace altteul::text::jinja
