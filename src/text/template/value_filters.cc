// SPDX-License-Identifier: Apache-2.0

// Filters of strings, numbers and values as a whole.

#include <cmath>

#include "text/template/code_points.h"
#include "text/template/filter_rows.h"
#include "text/template/json_values.h"
#include "text/template/markup.h"
#include "text/template/number_text.h"
#include "text/template/operators.h"
#include "text/template/python_text.h"
#include "text/template/string_edit.h"

namespace altteul::text::jinja {
namespace {

using Call = BuiltinCall;

// An integer argument, or `otherwise` when it was left out.
Result<int64_t> IntegerOr(const Call& call, size_t slot, int64_t otherwise) {
  if (!call.Has(slot)) return otherwise;
  const auto integer = call.Get(slot).integer();
  if (integer) return *integer;
  return TypeError("'" + std::string(call.Get(slot).TypeName()) +
                   "' object cannot be interpreted as an integer");
}

Result<Value> Default(Call& call) {
  const bool replace = call.self.is_undefined() || (call.Flag(1) && !call.self.Truthy());
  if (!replace) return call.self;
  return call.GetOr(0, MakeConstantString(""));
}

Result<Value> Trim(Call& call) {
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(call.heap, call.self));
  ByteRange kept = StripSpaces(text.bytes(), {});
  if (call.Has(0) && !call.Get(0).is_none()) {
    if (!call.Get(0).is_string()) {
      return TypeError("strip arg must be None or str, not " + std::string(call.Get(0).TypeName()));
    }
    ALT_RETURN_IF_ERROR(call.heap.WorkOfSearch(text.size(), call.Get(0).bytes().size()));
    kept = StripCharacters(text.bytes(), call.Get(0).bytes(), {});
  }
  return KeepMarkup(call.heap, call.self, MakeString(call.heap, text.Slice(kept.begin, kept.end)));
}

Result<Value> CaseFilter(Call& call, Case to) {
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(call.heap, call.self));
  return KeepMarkup(call.heap, call.self, ChangeCase(call.heap, text, to));
}
Result<Value> Upper(Call& call) { return CaseFilter(call, Case::kUpper); }
Result<Value> Lower(Call& call) { return CaseFilter(call, Case::kLower); }
Result<Value> Capitalize(Call& call) { return CaseFilter(call, Case::kCapital); }
Result<Value> Title(Call& call) { return CaseFilter(call, Case::kTitleWords); }

Result<Value> Replace(Call& call) {
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(call.heap, call.self));
  ALT_ASSIGN_OR_RETURN(const OriginText from, ToText(call.heap, call.Get(0)));
  ALT_ASSIGN_OR_RETURN(const OriginText to, ToText(call.heap, call.Get(1)));
  const bool unlimited = !call.Has(2) || call.Get(2).is_none();
  ALT_ASSIGN_OR_RETURN(const int64_t limit,
                       unlimited ? Result<int64_t>(int64_t{-1}) : IntegerOr(call, 2, -1));
  return ReplaceText(call.heap, text, from.bytes(), to, limit);
}

Result<Value> String(Call& call) {
  ALT_ASSIGN_OR_RETURN(OriginText text, ToText(call.heap, call.self));
  return MakeString(call.heap, std::move(text));
}
// soft_str(): markup stays markup.
Result<Value> SoftString(Call& call) { return KeepMarkup(call.heap, call.self, String(call)); }

Result<Value> Safe(Call& call) {
  ALT_ASSIGN_OR_RETURN(const Value text, String(call));
  return AsMarkup(call.heap, text);
}

Result<Value> Escape(Call& call) {
  ALT_ASSIGN_OR_RETURN(const Value text, SoftString(call));
  return Escaped(call.heap, text);
}

/// Of a text; nothing where it is no number.
Result<std::optional<Value>> IntOfText(Call& call) {
  ALT_RETURN_IF_ERROR(call.heap.Reserve(call.self.bytes().size()));
  std::optional<Value> number;
  // A base that int() does not take is an error that the filter catches.
  const auto base = call.Has(1) ? call.Get(1).integer() : int64_t{10};
  if (base) {
    ALT_ASSIGN_OR_RETURN(number, ReadInteger(call.self.bytes(), *base));
  }
  if (number) return number;
  // "1.5" | int is 1.
  const auto real = ReadFloat(call.self.bytes());
  if (real && std::isfinite(*real)) {
    ALT_ASSIGN_OR_RETURN(number, Truncate(*real));
  }
  return number;
}

Result<Value> Int(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  std::optional<Value> number;
  if (call.self.is_string()) {
    ALT_ASSIGN_OR_RETURN(number, IntOfText(call));
  } else if (call.self.is_float() && !std::isnan(call.self.real())) {
    ALT_ASSIGN_OR_RETURN(number, Truncate(call.self.real()));
  } else if (call.self.integer()) {
    number = Value(*call.self.integer());
  }
  return number ? *number : call.GetOr(0, Value(int64_t{0}));
}

Result<Value> Float(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  if (call.self.is_number()) return Value(call.self.real());
  if (call.self.is_string()) {
    ALT_RETURN_IF_ERROR(call.heap.Reserve(call.self.bytes().size()));
    const auto number = ReadFloat(call.self.bytes());
    if (number) return Value(*number);
  }
  return call.GetOr(0, Value(0.0));
}

Result<Value> Abs(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  if (!call.self.is_number()) {
    return TypeError("bad operand type for abs(): '" + std::string(call.self.TypeName()) + "'");
  }
  if (call.self.is_float()) return Value(std::fabs(call.self.real()));
  return *call.self.integer() < 0 ? Negate(call.self) : Plus(call.self);
}

// Python's round(): correctly rounded decimal, ties by the exact value; ceil and floor by scaling.
Result<Value> Round(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  if (!call.self.is_number()) {
    return TypeError("type " + std::string(call.self.TypeName()) +
                     " doesn't define __round__ method");
  }
  ALT_ASSIGN_OR_RETURN(const int64_t digits, IntegerOr(call, 0, 0));
  const std::string_view method =
      call.Has(1) && call.Get(1).is_string() ? call.Get(1).bytes() : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    return TypeError("method must be common, ceil or floor");
  }
  if (digits < -300 || digits > 300) return call.self;
  const double value = call.self.real();
  const double scale = std::pow(10.0, static_cast<double>(digits));
  if (method == "ceil") return Value(std::ceil(value * scale) / scale);
  if (method == "floor") return Value(std::floor(value * scale) / scale);
  if (call.self.integer() && digits >= 0) return Plus(call.self);
  if (digits < 0) {
    const double rounded = std::nearbyint(value * scale) / scale;
    return call.self.integer() ? Value(static_cast<int64_t>(rounded)) : Value(rounded);
  }
  char text[700];
  std::snprintf(text, sizeof(text), "%.*f", static_cast<int>(digits), value);
  return Value(std::strtod(text, nullptr));
}

Result<Value> Format(Call& call) {
  ALT_ASSIGN_OR_RETURN(const Value format, SoftString(call));
  if (!call.raw.named.empty() && !call.raw.positional.empty()) {
    return TypeError("can't handle positional and keyword arguments at the same time");
  }
  Value values;
  if (call.raw.named.empty()) {
    ALT_ASSIGN_OR_RETURN(values,
                         MakeSequence(call.heap, call.raw.positional, SequenceKind::kTuple));
  } else {
    DictEntries entries;
    for (const auto& [name, value] : call.raw.named) {
      entries.emplace_back(MakeConstantString(name), value);
    }
    ALT_ASSIGN_OR_RETURN(values, MakeDict(call.heap, std::move(entries)));
  }
  return Arithmetic(call.heap, ExpressionKind::kModulo, format, values);
}

// The indentation an argument asks for: a number of spaces, or the string itself.
Result<std::string> Indentation(const Value& value) {
  if (value.is_string()) return std::string(value.bytes());
  const auto width = value.integer();
  if (!width) return TypeError("indentation must be an int or a str");
  if (*width > 1000) return TypeError("indentation of " + std::to_string(*width) + " spaces");
  return std::string(static_cast<size_t>(std::max<int64_t>(*width, 0)), ' ');
}

Result<Value> Indent(Call& call) {
  ALT_ASSIGN_OR_RETURN(OriginText text, ToText(call.heap, call.self));
  ALT_ASSIGN_OR_RETURN(const std::string indent, Indentation(call.GetOr(0, Value(int64_t{4}))));
  // jinja2 adds a newline before it splits, so that a last empty line is kept.
  text.Append("\n", text.size() == 0 || text.FromTemplateAt(text.size() - 1));
  ALT_ASSIGN_OR_RETURN(const Value lines, SplitTextLines(call.heap, text, false));
  OriginText out;
  const auto& items = lines.sequence()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    const OriginText& line = items[i].string()->text;
    if (i > 0) out.Append("\n", true);
    const bool indents = i == 0 ? call.Flag(1) : line.size() > 0 || call.Flag(2);
    if (indents) out.Append(indent, true);
    out.Append(line);
    ALT_RETURN_IF_ERROR(call.heap.Work(1 + (indent.size() + line.size()) / 16));
    if (out.size() > call.heap.limits().max_value_bytes) {
      ALT_RETURN_IF_ERROR(call.heap.Reserve(out.size()));
    }
  }
  return KeepMarkup(call.heap, call.self, MakeString(call.heap, std::move(out)));
}

Result<Value> ToJsonFilter(Call& call) {
  JsonOptions options;
  options.ensure_ascii = call.Flag(0);
  if (call.Has(1) && !call.Get(1).is_none()) {
    ALT_ASSIGN_OR_RETURN(options.indent, Indentation(call.Get(1)));
    options.item_separator = ",";
  }
  if (call.Has(2) && !call.Get(2).is_none()) {
    ALT_ASSIGN_OR_RETURN(const std::vector<Value> pair, Iterate(call.heap, call.Get(2)));
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return TypeError("tojson: separators must be two strings");
    }
    options.item_separator = std::string(pair[0].bytes());
    options.key_separator = std::string(pair[1].bytes());
  }
  options.sort_keys = call.Flag(3);
  ALT_ASSIGN_OR_RETURN(std::string json, ToJson(call.heap, call.self, options));
  return MakeString(call.heap, OriginText(std::move(json), false));
}

// Not jinja2's own; templates written for llama.cpp turn tool-call arguments into objects with it.
Result<Value> FromJson(Call& call) {
  if (call.self.is_undefined()) return UndefinedError(call.self);
  if (!call.self.is_string()) {
    return TypeError("from_json: the value must be str, not " + std::string(call.self.TypeName()));
  }
  return ParseJsonText(call.heap, call.self.bytes());
}

Result<Value> WordCount(Call& call) {
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(call.heap, call.self));
  ALT_ASSIGN_OR_RETURN(const Value words, SplitText(call.heap, text, std::nullopt, -1, false));
  return Value(static_cast<int64_t>(words.sequence()->items.size()));
}

constexpr BuiltinRow kRows[] = {
    {"default", "default_value?,boolean?", &Default},
    {"d", "default_value?,boolean?", &Default},
    {"trim", "chars?", &Trim},
    {"upper", "", &Upper},
    {"lower", "", &Lower},
    {"capitalize", "", &Capitalize},
    {"title", "", &Title},
    {"replace", "old,new,count?", &Replace},
    {"string", "", &SoftString},
    {"safe", "", &Safe},
    {"escape", "", &Escape},
    {"e", "", &Escape},
    {"int", "default?,base?", &Int},
    {"float", "default?", &Float},
    {"abs", "", &Abs},
    {"round", "precision?,method?", &Round},
    {"format", "*", &Format},
    {"indent", "width?,first?,blank?", &Indent},
    {"from_json", "", &FromJson},
    {"tojson", "ensure_ascii?,indent?,separators?,sort_keys?", &ToJsonFilter},
    {"wordcount", "", &WordCount},
};

}  // namespace

std::span<const BuiltinRow> ValueFilters() { return kRows; }

}  // namespace altteul::text::jinja
