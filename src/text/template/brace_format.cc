// SPDX-License-Identifier: Apache-2.0

// str.format: "{}", "{0}", "{name.attribute!r:>8.2f}". What stands behind the colon is Python's
// "Format Specification Mini-Language".

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "text/template/code_points.h"
#include "text/template/operators.h"
#include "text/template/percent_format.h"
#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

constexpr size_t kMaxWidth = 1000;  // of a field; more is a mistake or an attack

struct Spec {
  std::string fill = " ";
  char align = 0;  // 0: the value's own
  char sign = 0;   // 0: not said, as '-'
  bool alternate = false;
  bool zero = false;
  size_t width = 0;
  char group = 0;
  int precision = -1;
  char type = 0;
};

Status InvalidSpec(std::string_view spec) {
  return TypeError("Invalid format specifier '" + std::string(spec) + "'");
}

/// Takes digits from the beginning; nothing where there are none.
std::optional<size_t> TakeNumber(std::string_view& text) {
  const size_t n = std::min(text.find_first_not_of("0123456789"), text.size());
  if (n == 0) return std::nullopt;
  size_t number = kMaxWidth + 1;
  if (n <= 6) std::from_chars(text.data(), text.data() + n, number);
  text.remove_prefix(n);
  return number;
}

Result<Spec> ReadSpec(std::string_view whole) {
  Spec spec;
  std::string_view rest = whole;
  const auto is_align = [](std::string_view text) {
    return !text.empty() && std::string_view("<>=^").find(text[0]) != std::string_view::npos;
  };
  const auto take = [&rest](std::string_view any_of) {
    if (rest.empty() || any_of.find(rest[0]) == std::string_view::npos) return char{0};
    const char c = rest[0];
    rest.remove_prefix(1);
    return c;
  };
  const size_t first = rest.empty() ? 0 : CodePointAt(rest, 0).length;
  const bool has_fill = is_align(rest.substr(std::min(first, rest.size())));
  if (has_fill) {
    spec.fill = rest.substr(0, first);
    rest.remove_prefix(first);
  }
  spec.align = take("<>=^");
  spec.sign = take("+- ");
  spec.alternate = take("#") != 0;
  if (take("0") != 0) {
    spec.zero = true;
    if (!has_fill) spec.fill = "0";
  }
  spec.width = TakeNumber(rest).value_or(0);
  spec.group = take(",_");
  if (take(".") != 0) {
    const auto precision = TakeNumber(rest);
    if (!precision) return TypeError("Format specifier missing precision");
    if (*precision > kMaxWidth) return InvalidSpec(whole);
    spec.precision = static_cast<int>(*precision);
  }
  if (rest.size() > 1 || spec.width > kMaxWidth) return InvalidSpec(whole);
  if (!rest.empty()) spec.type = rest[0];
  if (spec.group != 0 && spec.type == 'n') return InvalidSpec(whole);
  return spec;
}

Status UnknownType(const Spec& spec, const Value& value) {
  return TypeError("Unknown format code '" + std::string(1, spec.type) + "' for object of type '" +
                   std::string(value.TypeName()) + "'");
}

/// `text` between what fills it to the width; `own` is the side of values that do not say.
OriginText Padded(const Spec& spec, const OriginText& text, char own) {
  const size_t length = CountCodePoints(text.bytes());
  const size_t missing = spec.width > length ? spec.width - length : 0;
  const char align = spec.align == 0 ? own : spec.align;
  const size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const auto fill = [&spec](size_t n) {
    std::string filled;
    for (size_t i = 0; i < n; ++i) filled += spec.fill;
    return filled;
  };
  OriginText out;
  out.Append(fill(before), false);
  out.Append(text);
  out.Append(fill(missing - before), false);
  return out;
}

Result<OriginText> FormatString(const Spec& spec, const Value& value) {
  if (spec.type != 0 && spec.type != 's') return UnknownType(spec, value);
  if (spec.sign != 0 || spec.alternate || spec.group != 0 || spec.align == '=') {
    return TypeError("Sign, '#', '=' or ',' not allowed in string format specifier");
  }
  OriginText text = value.string()->text;
  if (spec.precision >= 0) {
    text = text.Slice(0, OffsetOfCodePoint(text.bytes(), static_cast<size_t>(spec.precision)));
  }
  return Padded(spec, text, '<');
}

/// Separators between groups of `n` digits.
std::string Grouped(const std::string& digits, char separator, size_t n) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % n == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out;
}

/// A number's parts become one text: sign and prefix, grouped digits, the rest.
OriginText Assembled(const Spec& spec, bool negative, const std::string& prefix, std::string digits,
                     const std::string& rest, size_t group_size) {
  const bool is_marked = spec.sign == '+' || spec.sign == ' ';
  std::string head = negative ? "-" : is_marked ? std::string(1, spec.sign) : "";
  head += prefix;
  const bool behind_sign = spec.align == '=' || (spec.align == 0 && spec.zero);
  const auto body = [&] {
    return (spec.group == 0 ? digits : Grouped(digits, spec.group, group_size)) + rest;
  };
  if (behind_sign && spec.fill == "0") {
    while (head.size() + body().size() < spec.width) digits.insert(digits.begin(), '0');
  }
  if (!behind_sign) return Padded(spec, OriginText(head + body(), false), '>');
  const size_t length = head.size() + body().size();
  std::string filled = head;
  for (size_t i = length; i < spec.width; ++i) filled += spec.fill;
  return OriginText(filled + body(), false);
}

Result<OriginText> FormatInteger(const Spec& spec, const Value& value) {
  const int64_t integer = *value.integer();
  if (spec.precision >= 0) return TypeError("Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    if (spec.sign != 0 || spec.alternate || spec.group != 0) {
      return TypeError("Sign, '#' or ',' not allowed with integer format specifier 'c'");
    }
    if (integer < 0 || integer > 0x10FFFF) return TypeError("%c arg not in range(0x110000)");
    std::string character;
    AppendUtf8(character, static_cast<uint32_t>(integer));
    return Padded(spec, OriginText(std::move(character), false), '>');
  }
  const char lower = static_cast<char>(spec.type | 0x20);
  const int base = spec.type == 'b' ? 2 : spec.type == 'o' ? 8 : lower == 'x' ? 16 : 10;
  if (base == 10 && spec.type != 0 && spec.type != 'd' && spec.type != 'n') {
    return UnknownType(spec, value);
  }
  if (spec.group == ',' && base != 10) return TypeError("Cannot specify ',' with this type");
  const bool negative = integer < 0;
  const uint64_t magnitude =
      negative ? uint64_t{0} - static_cast<uint64_t>(integer) : static_cast<uint64_t>(integer);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), magnitude, base);
  std::string digits(buffer, end.ptr);
  if (spec.type == 'X') {
    for (char& c : digits) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  const std::string prefix =
      spec.alternate && base != 10 ? std::string("0") + spec.type : std::string();
  return Assembled(spec, negative, prefix, std::move(digits), "", base == 10 ? 3 : 4);
}

std::string Printed(double value, char type, int precision, bool alternate) {
  const std::string format = std::string(alternate ? "%#.*" : "%.*") + type;
  std::string text(2 * kMaxWidth, '\0');  // %f of the largest double has 309 digits
  const int length = std::snprintf(text.data(), text.size(), format.c_str(), precision, value);
  text.resize(static_cast<size_t>(length));
  return text;
}

/// Without zeros at the end of its fraction, of which `n_kept` digits stay.
std::string Trimmed(std::string text, size_t n_kept) {
  const size_t exponent = std::min(text.find('e'), text.size());
  const size_t point = text.find('.');
  if (point == std::string::npos) return text;
  size_t end = exponent;
  while (end > point + 1 + n_kept && text[end - 1] == '0') --end;
  if (end == point + 1) --end;
  return text.erase(end, exponent - end);
}

/// A float with a precision and no type: as %g, but "1.0" for "1", and exponents one digit earlier.
std::string PlainFloat(double value, int precision, bool alternate) {
  const int digits = std::max(precision, 1);
  std::string text = Printed(value, 'e', digits - 1, alternate);
  if (!std::isfinite(value)) return text;
  int exponent = 0;
  const char* number = text.data() + text.find('e') + 1;
  std::from_chars(*number == '+' ? number + 1 : number, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= digits - 1) return alternate ? text : Trimmed(text, 0);
  text = Printed(value, 'f', digits - 1 - exponent, alternate);
  return alternate ? text : Trimmed(text, 1);
}

Result<OriginText> FormatFloat(Heap& heap, const Spec& spec, const Value& value) {
  const double real = value.real();
  const double magnitude = std::fabs(real);
  std::string text;
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  switch (spec.type) {
    case 0:
      if (spec.precision >= 0) {
        text = PlainFloat(magnitude, precision, spec.alternate);
      } else {
        ALT_ASSIGN_OR_RETURN(const OriginText plain, ToText(heap, Value(magnitude)));
        text = plain.bytes();
        const bool has_point = text.find('.') != std::string::npos || !std::isfinite(real);
        if (spec.alternate && !has_point) text.insert(std::min(text.find('e'), text.size()), ".");
      }
      break;
    case 'n':
      text = Printed(magnitude, 'g', precision, spec.alternate);
      break;
    case '%':
      text = Printed(magnitude * 100, 'f', precision, spec.alternate) + "%";
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      text = Printed(magnitude, spec.type, precision, spec.alternate);
      break;
    default:
      return UnknownType(spec, value);
  }
  const size_t whole = std::min(text.find_first_not_of("0123456789"), text.size());
  return Assembled(spec, std::signbit(real) && !std::isnan(real), "", text.substr(0, whole),
                   text.substr(whole), 3);
}

/// format(value, spec)
Result<OriginText> FormatValue(Heap& heap, const Value& value, std::string_view text) {
  if (text.empty()) return ToText(heap, value);
  if (value.is_undefined()) return UndefinedError(value);
  ALT_ASSIGN_OR_RETURN(const Spec spec, ReadSpec(text));
  if (value.is_string()) return FormatString(spec, value);
  const bool as_float =
      spec.type != 0 && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (value.is_float() || (value.is_number() && as_float)) return FormatFloat(heap, spec, value);
  if (value.is_number()) return FormatInteger(spec, value);
  return TypeError("unsupported format string passed to " + std::string(value.TypeName()) +
                   ".__format__");
}

// The value that "{field}" names; `automatic` counts the unnamed ones.
Result<Value> FieldValue(Heap& heap, std::string_view field, const Arguments& arguments,
                         size_t& automatic) {
  const size_t dot = std::min(field.find('.'), field.size());
  const std::string_view head = field.substr(0, dot);
  if (field.find('[') != std::string_view::npos) {
    return TypeError("the format field {" + std::string(field) + "} is not supported");
  }
  Value value;
  if (head.find_first_not_of("0123456789") == std::string_view::npos) {
    size_t index = head.empty() ? automatic++ : 0;
    for (const char digit : head.substr(0, 9))
      index = index * 10 + static_cast<size_t>(digit - '0');
    if (index >= arguments.positional.size()) {
      return TypeError("Replacement index " + std::to_string(index) +
                       " out of range for positional args tuple");
    }
    value = arguments.positional[index];
  } else {
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [head](const auto& a) { return a.first == head; });
    if (named == arguments.named.end()) return TypeError("'" + std::string(head) + "'");
    value = named->second;
  }
  if (dot < field.size()) return GetAttribute(heap, value, field.substr(dot + 1));
  return value;
}

/// "field!conversion:spec" between its braces.
Result<OriginText> FormatField(Heap& heap, std::string_view whole, const Arguments& arguments,
                               size_t& automatic) {
  const size_t colon = std::min(whole.find(':'), whole.size());
  std::string_view field = whole.substr(0, colon);
  const std::string_view spec = whole.substr(std::min(colon + 1, whole.size()));
  if (spec.find('{') != std::string_view::npos) {
    return TypeError("the format field {" + std::string(whole) + "}} is not supported");
  }
  char conversion = 0;
  if (const size_t mark = field.find('!'); mark != std::string_view::npos) {
    const std::string_view letter = field.substr(mark + 1);
    if (letter != "r" && letter != "s") {
      return TypeError("the conversion !" + std::string(letter) + " is not supported");
    }
    conversion = letter[0];
    field = field.substr(0, mark);
  }
  ALT_ASSIGN_OR_RETURN(Value value, FieldValue(heap, field, arguments, automatic));
  if (conversion == 'r') {
    ALT_ASSIGN_OR_RETURN(std::string repr, Repr(heap, value));
    ALT_ASSIGN_OR_RETURN(value, MakeString(heap, OriginText(std::move(repr), false)));
  } else if (conversion == 's') {
    ALT_ASSIGN_OR_RETURN(OriginText text, ToText(heap, value));
    ALT_ASSIGN_OR_RETURN(value, MakeString(heap, std::move(text)));
  }
  return FormatValue(heap, value, spec);
}

}  // namespace

Result<Value> BraceFormat(Heap& heap, const StringObject& format, const Arguments& arguments) {
  const std::string_view bytes = format.text.bytes();
  OriginText out;
  size_t automatic = 0;
  for (size_t at = 0; at < bytes.size();) {
    const char c = bytes[at];
    if (c != '{' && c != '}') {
      const size_t end = std::min(bytes.find_first_of("{}", at), bytes.size());
      out.AppendSlice(format.text, at, end);
      at = end;
      continue;
    }
    if (at + 1 < bytes.size() && bytes[at + 1] == c) {
      out.AppendSlice(format.text, at, at + 1);
      at += 2;
      continue;
    }
    const size_t close = bytes.find('}', at);
    if (c == '}' || close == std::string_view::npos) {
      return TypeError("Single '" + std::string(1, c) + "' encountered in format string");
    }
    ALT_ASSIGN_OR_RETURN(
        const OriginText text,
        FormatField(heap, bytes.substr(at + 1, close - at - 1), arguments, automatic));
    ALT_RETURN_IF_ERROR(heap.Reserve(out.Footprint() + text.Footprint()));
    out.Append(text);
    at = close + 1;
  }
  return MakeString(heap, std::move(out));
}

}  // namespace altteul::text::jinja
