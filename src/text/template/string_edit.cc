// SPDX-License-Identifier: Apache-2.0

#include "text/template/string_edit.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/template/code_points.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

// Ranges between separators, left to right.
std::vector<ByteRange> RangesBetween(std::string_view bytes, std::string_view separator,
                                     uint64_t limit, bool from_right) {
  std::vector<ByteRange> ranges;
  size_t begin = 0;
  size_t end = bytes.size();
  while (ranges.size() < limit) {
    if (from_right) {
      const size_t at = end < separator.size() ? std::string_view::npos
                                               : bytes.rfind(separator, end - separator.size());
      if (at == std::string_view::npos) break;
      ranges.push_back({at + separator.size(), end});
      end = at;
    } else {
      const size_t at = bytes.find(separator, begin);
      if (at == std::string_view::npos) break;
      ranges.push_back({begin, at});
      begin = at + separator.size();
    }
  }
  ranges.push_back({begin, end});
  if (from_right) std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

// Words between runs of spaces. Past the limit the rest stays one piece.
std::vector<ByteRange> Words(std::string_view bytes, uint64_t limit, bool from_right) {
  std::vector<ByteRange> words;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    if (!IsSpace(c.value)) {
      if (!words.empty() && words.back().end == at) {
        words.back().end = at + c.length;
      } else {
        words.push_back({at, at + c.length});
      }
    }
    at += c.length;
  }
  if (words.size() <= limit) return words;
  const size_t n = static_cast<size_t>(limit);
  if (from_right) {
    const ByteRange rest{StripSpaces(bytes, {false, false}).begin, words[words.size() - 1 - n].end};
    words.erase(words.begin(), words.end() - static_cast<ptrdiff_t>(n));
    words.insert(words.begin(), rest);
  } else {
    words.resize(n + 1);
    words.back().end = bytes.size();
  }
  return words;
}

Result<Value> MakePieces(Heap& heap, const OriginText& text, const std::vector<ByteRange>& ranges) {
  ALT_RETURN_IF_ERROR(heap.Reserve(ranges.size() * sizeof(Value)));
  std::vector<Value> pieces;
  for (const ByteRange& range : ranges) {
    ALT_ASSIGN_OR_RETURN(Value piece, MakeString(heap, text.Slice(range.begin, range.end)));
    pieces.push_back(std::move(piece));
  }
  return MakeSequence(heap, std::move(pieces));
}

bool EndsLine(int32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

Result<Value> SplitText(Heap& heap, const OriginText& text,
                        std::optional<std::string_view> separator, int64_t limit, bool from_right) {
  const uint64_t n_cuts = limit < 0 ? UINT64_MAX : static_cast<uint64_t>(limit);
  const std::string_view bytes = text.bytes();
  if (separator && separator->empty()) return TypeError("empty separator");
  ALT_RETURN_IF_ERROR(heap.WorkOfSearch(bytes.size(), separator ? separator->size() : 0));
  ALT_RETURN_IF_ERROR(heap.Reserve(bytes.size() * sizeof(ByteRange)));
  return MakePieces(heap, text,
                    separator ? RangesBetween(bytes, *separator, n_cuts, from_right)
                              : Words(bytes, n_cuts, from_right));
}

Result<Value> SplitTextLines(Heap& heap, const OriginText& text, bool keep_ends) {
  const std::string_view bytes = text.bytes();
  ALT_RETURN_IF_ERROR(heap.Reserve(bytes.size() * sizeof(ByteRange)));
  std::vector<ByteRange> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    size_t next = at + c.length;
    if (!EndsLine(c.value)) {
      at = next;
      continue;
    }
    if (c.value == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
    lines.push_back({begin, keep_ends ? next : at});
    begin = at = next;
  }
  if (begin < bytes.size()) lines.push_back({begin, bytes.size()});
  return MakePieces(heap, text, lines);
}

Result<Value> ReplaceText(Heap& heap, const OriginText& text, std::string_view from,
                          const OriginText& to, int64_t limit) {
  const std::string_view bytes = text.bytes();
  ALT_RETURN_IF_ERROR(heap.WorkOfSearch(bytes.size(), from.size()));
  uint64_t left = limit < 0 ? UINT64_MAX : static_cast<uint64_t>(limit);
  OriginText out;
  size_t at = 0;
  uint64_t asked_bytes = 0;
  while (left > 0) {
    // An empty `from` is found before each character and at the end.
    const size_t found = from.empty() ? at : bytes.find(from, at);
    if (found == std::string_view::npos) break;
    out.AppendSlice(text, at, found);
    out.Append(to);
    ALT_RETURN_IF_ERROR(heap.Work(1));
    if (out.Footprint() > 2 * asked_bytes) {
      asked_bytes = out.Footprint();
      ALT_RETURN_IF_ERROR(heap.Reserve(2 * asked_bytes));
    }
    --left;
    at = found + from.size();
    if (!from.empty()) continue;
    if (at == bytes.size()) break;
    const size_t next = at + CodePointAt(bytes, at).length;
    out.AppendSlice(text, at, next);
    at = next;
  }
  out.AppendSlice(text, at, bytes.size());
  return MakeString(heap, std::move(out));
}

Result<Value> JoinTexts(Heap& heap, const std::vector<Value>& items, const OriginText& separator) {
  OriginText out;
  uint64_t asked_bytes = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    ALT_RETURN_IF_ERROR(heap.Work(1));
    if (i > 0) out.Append(separator);
    ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(heap, items[i]));
    out.Append(text);
    if (out.Footprint() > 2 * asked_bytes) {
      asked_bytes = out.Footprint();
      ALT_RETURN_IF_ERROR(heap.Reserve(2 * asked_bytes));
    }
  }
  return MakeString(heap, std::move(out));
}

Result<Value> ChangeCase(Heap& heap, const OriginText& text, Case to) {
  const std::string_view bytes = text.bytes();
  ALT_RETURN_IF_ERROR(heap.Reserve(2 * text.Footprint()));
  ALT_RETURN_IF_ERROR(heap.Work(bytes.size() / 4));
  OriginText out;
  bool starts = true;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    const std::string_view shown = bytes.substr(at, c.length);
    const bool upper = to == Case::kUpper || (to != Case::kLower && starts);
    out.Append(upper ? ToUpper(shown) : ToLower(shown), text.FromTemplateAt(at));
    starts = false;
    if (to == Case::kTitle) starts = !IsUpper(c.value) && !IsLower(c.value);
    if (to == Case::kTitleWords) {
      starts = IsSpace(c.value) || (c.length == 1 && std::string_view("-({[<").find(bytes[at]) !=
                                                         std::string_view::npos);
    }
    at += c.length;
  }
  return MakeString(heap, std::move(out));
}

bool HasOneCase(std::string_view bytes, bool upper) {
  bool found = false;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    if (upper ? IsLower(c.value) : IsUpper(c.value)) return false;
    found = found || (upper ? IsUpper(c.value) : IsLower(c.value));
    at += c.length;
  }
  return found;
}

}  // namespace altteul::text::jinja
