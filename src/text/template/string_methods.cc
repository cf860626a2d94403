// SPDX-License-Identifier: Apache-2.0

// Methods of strings, and of what else a template can call methods on.

#include <algorithm>
#include <array>

#include "text/template/builtin.h"
#include "text/template/code_points.h"
#include "text/template/markup.h"
#include "text/template/percent_format.h"
#include "text/template/string_edit.h"

namespace altteul::text::jinja {
namespace {

const OriginText& Self(const BuiltinCall& call) { return call.self.string()->text; }

// What a method puts into its string: escaped where that is markup.
Result<Value> LikeSelf(const BuiltinCall& call, const Value& inserted) {
  return IsMarkup(call.self) ? Escaped(call.heap, inserted) : Result<Value>(inserted);
}

// The argument of a method that takes a string or None.
Result<std::optional<std::string_view>> OptionalString(const BuiltinCall& call, size_t slot) {
  if (!call.Has(slot) || call.Get(slot).is_none()) return std::optional<std::string_view>();
  if (call.Get(slot).is_undefined()) return UndefinedError(call.Get(slot));
  if (!call.Get(slot).is_string()) {
    return TypeError("must be str or None, not " + std::string(call.Get(slot).TypeName()));
  }
  return std::optional<std::string_view>(call.Get(slot).bytes());
}

Result<int64_t> OptionalInteger(const BuiltinCall& call, size_t slot, int64_t otherwise) {
  if (!call.Has(slot)) return otherwise;
  const auto integer = call.Get(slot).integer();
  if (integer) return *integer;
  return TypeError("'" + std::string(call.Get(slot).TypeName()) +
                   "' object cannot be interpreted as an integer");
}

Result<Value> Strip(BuiltinCall& call, StripSides sides) {
  ALT_ASSIGN_OR_RETURN(const auto characters, OptionalString(call, 0));
  ALT_RETURN_IF_ERROR(
      call.heap.WorkOfSearch(Self(call).size(), characters ? characters->size() : 0));
  const ByteRange kept = characters ? StripCharacters(Self(call).bytes(), *characters, sides)
                                    : StripSpaces(Self(call).bytes(), sides);
  return MakeString(call.heap, Self(call).Slice(kept.begin, kept.end));
}
Result<Value> StripBoth(BuiltinCall& call) { return Strip(call, {true, true}); }
Result<Value> StripLeft(BuiltinCall& call) { return Strip(call, {true, false}); }
Result<Value> StripRight(BuiltinCall& call) { return Strip(call, {false, true}); }

Result<Value> SplitWith(BuiltinCall& call, bool from_right) {
  ALT_ASSIGN_OR_RETURN(const auto separator, OptionalString(call, 0));
  ALT_ASSIGN_OR_RETURN(const int64_t limit, OptionalInteger(call, 1, -1));
  return SplitText(call.heap, Self(call), separator, limit, from_right);
}
Result<Value> SplitLeft(BuiltinCall& call) { return SplitWith(call, false); }
Result<Value> SplitRight(BuiltinCall& call) { return SplitWith(call, true); }

Result<Value> SplitLines(BuiltinCall& call) {
  return SplitTextLines(call.heap, Self(call), call.Flag(0));
}

// str.partition: before, separator, after.
Result<Value> PartitionAt(BuiltinCall& call, bool from_right) {
  ALT_ASSIGN_OR_RETURN(const auto separator, OptionalString(call, 0));
  if (!separator || separator->empty()) return TypeError("empty separator");
  const OriginText& text = Self(call);
  ALT_RETURN_IF_ERROR(call.heap.WorkOfSearch(text.size(), separator->size()));
  size_t at = from_right ? text.bytes().rfind(*separator) : text.bytes().find(*separator);
  size_t after = at + separator->size();
  if (at == std::string::npos) {
    at = from_right ? 0 : text.size();
    after = at;
  }
  std::vector<Value> parts(3);
  ALT_ASSIGN_OR_RETURN(parts[0], MakeString(call.heap, text.Slice(0, at)));
  ALT_ASSIGN_OR_RETURN(parts[1], MakeString(call.heap, text.Slice(at, after)));
  ALT_ASSIGN_OR_RETURN(parts[2], MakeString(call.heap, text.Slice(after, text.size())));
  return MakeSequence(call.heap, std::move(parts), SequenceKind::kTuple);
}
Result<Value> Partition(BuiltinCall& call) { return PartitionAt(call, false); }
Result<Value> PartitionRight(BuiltinCall& call) { return PartitionAt(call, true); }

// startswith and endswith take one string or a tuple of them.
Result<Value> HasAffix(BuiltinCall& call, bool at_start) {
  const Value& affix = call.Get(0);
  if (affix.is_undefined()) return UndefinedError(affix);
  std::vector<Value> choices = {affix};
  if (affix.sequence() != nullptr && affix.sequence()->kind == SequenceKind::kTuple) {
    choices = affix.sequence()->items;
  }
  ALT_RETURN_IF_ERROR(call.heap.Work(choices.size()));
  const std::string_view bytes = Self(call).bytes();
  for (const Value& choice : choices) {
    if (!choice.is_string()) {
      return TypeError(std::string(at_start ? "startswith" : "endswith") +
                       " first arg must be str or a tuple of str, not " +
                       std::string(choice.TypeName()));
    }
    const std::string_view part = choice.bytes();
    if (part.size() > bytes.size()) continue;
    const std::string_view there =
        at_start ? bytes.substr(0, part.size()) : bytes.substr(bytes.size() - part.size());
    if (there == part) return Value(true);
  }
  return Value(false);
}
Result<Value> StartsWith(BuiltinCall& call) { return HasAffix(call, true); }
Result<Value> EndsWith(BuiltinCall& call) { return HasAffix(call, false); }

Result<Value> RemoveAffix(BuiltinCall& call, bool at_start) {
  ALT_ASSIGN_OR_RETURN(const Value has, HasAffix(call, at_start));
  const size_t length = call.Get(0).is_string() ? call.Get(0).bytes().size() : 0;
  if (!has.Truthy()) return call.self;
  return MakeString(call.heap, at_start ? Self(call).Slice(length, Self(call).size())
                                        : Self(call).Slice(0, Self(call).size() - length));
}
Result<Value> RemovePrefix(BuiltinCall& call) { return RemoveAffix(call, true); }
Result<Value> RemoveSuffix(BuiltinCall& call) { return RemoveAffix(call, false); }

Result<Value> Replace(BuiltinCall& call) {
  for (size_t slot = 0; slot < 2; ++slot) {
    if (call.Get(slot).is_undefined()) return UndefinedError(call.Get(slot));
    if (call.Get(slot).is_string()) continue;
    return TypeError("replace() argument " + std::to_string(slot + 1) + " must be str, not " +
                     std::string(call.Get(slot).TypeName()));
  }
  ALT_ASSIGN_OR_RETURN(const int64_t limit, OptionalInteger(call, 2, -1));
  ALT_ASSIGN_OR_RETURN(const Value to, LikeSelf(call, call.Get(1)));
  return ReplaceText(call.heap, Self(call), call.Get(0).bytes(), to.string()->text, limit);
}

Result<Value> FindAt(BuiltinCall& call, bool from_right, bool must) {
  ALT_ASSIGN_OR_RETURN(const auto part, OptionalString(call, 0));
  if (!part) return TypeError("must be str, not NoneType");
  const std::string_view bytes = Self(call).bytes();
  ALT_RETURN_IF_ERROR(call.heap.WorkOfSearch(bytes.size(), part->size()));
  const size_t at = from_right ? bytes.rfind(*part) : bytes.find(*part);
  if (at == std::string_view::npos) {
    if (must) return TypeError("substring not found");
    return Value(int64_t{-1});
  }
  return Value(static_cast<int64_t>(CountCodePoints(bytes.substr(0, at))));
}
Result<Value> FindLeft(BuiltinCall& call) { return FindAt(call, false, false); }
Result<Value> FindRight(BuiltinCall& call) { return FindAt(call, true, false); }
Result<Value> IndexLeft(BuiltinCall& call) { return FindAt(call, false, true); }
Result<Value> IndexRight(BuiltinCall& call) { return FindAt(call, true, true); }

Result<Value> Count(BuiltinCall& call) {
  ALT_ASSIGN_OR_RETURN(const auto part, OptionalString(call, 0));
  if (!part) return TypeError("must be str, not NoneType");
  const std::string_view bytes = Self(call).bytes();
  ALT_RETURN_IF_ERROR(call.heap.WorkOfSearch(bytes.size(), part->size()));
  if (part->empty()) return Value(LengthOf(*call.self.string()) + 1);
  int64_t count = 0;
  for (size_t at = bytes.find(*part); at != std::string_view::npos;
       at = bytes.find(*part, at + part->size())) {
    ++count;
  }
  return Value(count);
}

Result<Value> Join(BuiltinCall& call) {
  if (call.Get(0).is_undefined()) return UndefinedError(call.Get(0));
  ALT_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(call.heap, call.Get(0)));
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].is_string()) continue;
    return TypeError("sequence item " + std::to_string(i) + ": expected str instance, " +
                     std::string(items[i].TypeName()) + " found");
  }
  ALT_ASSIGN_OR_RETURN(const Value list, MakeSequence(call.heap, items));
  ALT_ASSIGN_OR_RETURN(const Value inserted, LikeSelf(call, list));
  return JoinTexts(call.heap, inserted.sequence()->items, Self(call));
}

Result<Value> Upper(BuiltinCall& call) { return ChangeCase(call.heap, Self(call), Case::kUpper); }
Result<Value> Lower(BuiltinCall& call) { return ChangeCase(call.heap, Self(call), Case::kLower); }
Result<Value> Capitalize(BuiltinCall& call) {
  return ChangeCase(call.heap, Self(call), Case::kCapital);
}
Result<Value> Title(BuiltinCall& call) { return ChangeCase(call.heap, Self(call), Case::kTitle); }

Result<Value> Format(BuiltinCall& call) {
  Arguments inserted = call.raw;
  for (Value& value : inserted.positional) {
    ALT_ASSIGN_OR_RETURN(value, LikeSelf(call, value));
  }
  for (auto& named : inserted.named) {
    ALT_ASSIGN_OR_RETURN(named.second, LikeSelf(call, named.second));
  }
  return BraceFormat(call.heap, *call.self.string(), inserted);
}

// str.ljust, rjust, center: spaces, or another character, up to a width in code points.
enum class Side { kLeft, kRight, kBoth };
Result<Value> Justify(BuiltinCall& call, Side blank) {
  ALT_ASSIGN_OR_RETURN(const int64_t width, OptionalInteger(call, 0, 0));
  const std::string_view fill = call.Has(1) && call.Get(1).is_string() ? call.Get(1).bytes() : " ";
  if ((call.Has(1) && !call.Get(1).is_string()) || CountCodePoints(fill) != 1) {
    return TypeError("The fill character must be exactly one character long");
  }
  const auto length = static_cast<int64_t>(CountCodePoints(Self(call).bytes()));
  if (width <= length) return call.self;
  const auto missing = static_cast<size_t>(width - length);
  // Python's center puts the odd one left where the width is odd.
  const size_t left = blank == Side::kLeft ? missing
                      : blank == Side::kRight
                          ? 0
                          : missing / 2 + (missing & static_cast<size_t>(width) & 1);
  ALT_RETURN_IF_ERROR(call.heap.Reserve(missing * fill.size() + Self(call).Footprint()));
  const auto blanks = [&](size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) text += fill;
    return text;
  };
  OriginText out;
  out.Append(blanks(left), false);
  out.Append(Self(call));
  out.Append(blanks(missing - left), false);
  return MakeString(call.heap, std::move(out));
}
Result<Value> JustifyLeft(BuiltinCall& call) { return Justify(call, Side::kRight); }
Result<Value> JustifyRight(BuiltinCall& call) { return Justify(call, Side::kLeft); }
Result<Value> Center(BuiltinCall& call) { return Justify(call, Side::kBoth); }

// str.zfill: zeros behind a sign.
Result<Value> ZeroFill(BuiltinCall& call) {
  ALT_ASSIGN_OR_RETURN(const int64_t width, OptionalInteger(call, 0, 0));
  const OriginText& text = Self(call);
  const auto length = static_cast<int64_t>(CountCodePoints(text.bytes()));
  if (width <= length) return call.self;
  const auto missing = static_cast<size_t>(width - length);
  ALT_RETURN_IF_ERROR(call.heap.Reserve(missing + text.Footprint()));
  const size_t sign = text.bytes().starts_with('+') || text.bytes().starts_with('-') ? 1 : 0;
  OriginText out;
  out.AppendSlice(text, 0, sign);
  out.Append(std::string(missing, '0'), false);
  out.AppendSlice(text, sign, text.size());
  return MakeString(call.heap, std::move(out));
}

// True when there is a character and all pass.
Result<Value> AllAre(BuiltinCall& call, bool (*passes)(int32_t)) {
  const std::string_view bytes = Self(call).bytes();
  ALT_RETURN_IF_ERROR(call.heap.Work(bytes.size() / 16));
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = CodePointAt(bytes, at);
    if (!passes(c.value)) return Value(false);
    at += c.length;
  }
  return Value(!bytes.empty());
}
Result<Value> AreDigits(BuiltinCall& call) { return AllAre(call, &IsDigit); }
Result<Value> AreLetters(BuiltinCall& call) { return AllAre(call, &IsLetter); }
Result<Value> AreSpaces(BuiltinCall& call) { return AllAre(call, &IsSpace); }
Result<Value> AreLettersOrDigits(BuiltinCall& call) {
  return AllAre(call, [](int32_t c) { return IsDigit(c) || IsLetter(c); });
}
Result<Value> AreUpper(BuiltinCall& call) { return Value(HasOneCase(Self(call).bytes(), true)); }
Result<Value> AreLower(BuiltinCall& call) { return Value(HasOneCase(Self(call).bytes(), false)); }

constexpr BuiltinRow kStringMethods[] = {
    {"strip", "chars?", &StripBoth},
    {"lstrip", "chars?", &StripLeft},
    {"rstrip", "chars?", &StripRight},
    {"split", "sep?,maxsplit?", &SplitLeft},
    {"rsplit", "sep?,maxsplit?", &SplitRight},
    {"splitlines", "keepends?", &SplitLines},
    {"partition", "sep", &Partition},
    {"rpartition", "sep", &PartitionRight},
    {"startswith", "prefix", &StartsWith},
    {"endswith", "suffix", &EndsWith},
    {"removeprefix", "prefix", &RemovePrefix},
    {"removesuffix", "suffix", &RemoveSuffix},
    {"replace", "old,new,count?", &Replace},
    {"find", "sub", &FindLeft},
    {"rfind", "sub", &FindRight},
    {"index", "sub", &IndexLeft},
    {"rindex", "sub", &IndexRight},
    {"count", "sub", &Count},
    {"join", "iterable", &Join},
    {"upper", "", &Upper},
    {"lower", "", &Lower},
    {"capitalize", "", &Capitalize},
    {"title", "", &Title},
    {"ljust", "width,fillchar?", &JustifyLeft},
    {"rjust", "width,fillchar?", &JustifyRight},
    {"center", "width,fillchar?", &Center},
    {"zfill", "width", &ZeroFill},
    {"format", "*", &Format},
    {"isdigit", "", &AreDigits},
    {"isdecimal", "", &AreDigits},
    {"isnumeric", "", &AreDigits},
    {"isalpha", "", &AreLetters},
    {"isalnum", "", &AreLettersOrDigits},
    {"isspace", "", &AreSpaces},
    {"isupper", "", &AreUpper},
    {"islower", "", &AreLower},
};

}  // namespace

const BuiltinRow* FindStringMethod(std::string_view name) { return FindRow(kStringMethods, name); }

}  // namespace altteul::text::jinja
