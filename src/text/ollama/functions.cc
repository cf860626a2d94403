// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/functions.h"

#include <algorithm>

namespace altteul::text::ollama {
namespace {

using Arguments = std::vector<Typed>;

Status Unsupported(std::string what) { return Status(ErrorCode::kUnsupported, std::move(what)); }

Status WrongArguments(const std::string& name, const Arguments& arguments) {
  std::string types;
  for (const Typed& each : arguments) {
    types += (types.empty() ? "" : ", ") + std::string(TypeName(each.type));
  }
  return Unsupported("'" + name + "' of " + (types.empty() ? "nothing" : types) +
                     " is not supported");
}

bool IsComparable(const Typed& a, const Typed& b) {
  const auto is_basic = [](Type type) {
    return type == Type::kText || type == Type::kNumber || type == Type::kBool ||
           type == Type::kAny || type == Type::kNil;
  };
  if (a.type == Type::kTextLength) return b.text == "0";
  if (!is_basic(a.type) || !is_basic(b.type)) return false;
  const auto is_any = [](Type type) { return type == Type::kAny || type == Type::kNil; };
  return a.type == b.type || is_any(a.type) || is_any(b.type);
}

struct Comparison {
  std::string_view name;
  std::string_view symbol;
};
constexpr Comparison kComparisons[] = {{"eq", "=="}, {"ne", "!="}, {"lt", "<"},
                                       {"le", "<="}, {"gt", ">"},  {"ge", ">="}};

// eq takes several values, and is true where the first equals any of the others.
Result<Typed> Compare(const Comparison& row, const Arguments& arguments) {
  const size_t n = arguments.size();
  const bool fits = row.name == "eq" ? n >= 2 : n == 2;
  std::string text;
  for (size_t i = 1; i < n; ++i) {
    if (!fits || !IsComparable(arguments[0], arguments[i])) {
      return WrongArguments(std::string(row.name), arguments);
    }
    text += (i > 1 ? " or " : "") + arguments[0].text + " " + std::string(row.symbol) + " " +
            arguments[i].text;
  }
  if (!fits) return WrongArguments(std::string(row.name), arguments);
  return Typed{"(" + text + ")", Type::kBool};
}

// Both give one of their values, as Jinja's do.
Result<Typed> AndOr(const std::string& name, const Arguments& arguments) {
  if (arguments.empty()) return WrongArguments(name, arguments);
  Typed out{"", arguments[0].type};
  for (const Typed& each : arguments) {
    if (IsStructure(each.type)) return WrongArguments(name, arguments);
    if (each.type != out.type) out.type = Type::kMixed;
    out.text += (out.text.empty() ? "(" : " " + name + " ") + each.text;
  }
  out.text += ")";
  return out;
}

Result<Typed> Length(const Arguments& arguments) {
  if (arguments.size() == 1) {
    const Typed& value = arguments[0];
    const std::string text = "(" + value.text + " | length)";
    if (value.type == Type::kText) return Typed{text, Type::kTextLength};
    if (FindElement(value.type) != nullptr) return Typed{text, Type::kNumber};
  }
  return WrongArguments("len", arguments);
}

// Of lists: a text would be cut by bytes.
Result<Typed> Slice(const Arguments& arguments) {
  const size_t n = arguments.size();
  const ElementRow* row = n == 0 ? nullptr : FindElement(arguments[0].type);
  const auto is_number = [](const Typed& value) { return value.type == Type::kNumber; };
  if (n > 3 || row == nullptr || row->is_map ||
      !std::all_of(arguments.begin() + 1, arguments.end(), is_number)) {
    return WrongArguments("slice", arguments);
  }
  const std::string begin = n > 1 ? arguments[1].text : "";
  const std::string end = n > 2 ? arguments[2].text : "";
  return Typed{arguments[0].text + "[" + begin + ":" + end + "]", arguments[0].type};
}

Result<Typed> Index(const Arguments& arguments) {
  if (arguments.size() == 2) {
    const ElementRow* row = FindElement(arguments[0].type);
    const Type wanted = row != nullptr && row->is_map ? Type::kText : Type::kNumber;
    if (row != nullptr && arguments[1].type == wanted) {
      return Typed{arguments[0].text + "[" + arguments[1].text + "]", row->element};
    }
  }
  return WrongArguments("index", arguments);
}

Result<Typed> Json(const Arguments& arguments) {
  if (arguments.size() == 1) {
    const std::string_view pattern = JsonPattern(arguments[0].type);
    if (!pattern.empty()) return Typed{Filled(pattern, arguments[0].text), Type::kText};
  }
  return WrongArguments("json", arguments);
}

// printf with %s, %v and %d of texts and numbers.
Result<Typed> Printf(const Arguments& arguments) {
  if (arguments.empty() || !arguments[0].literal) return WrongArguments("printf", arguments);
  const std::string& format = *arguments[0].literal;
  std::string text = "(''";
  size_t next = 1;
  std::string plain;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || format.substr(i, 2) == "%%") {
      plain.push_back(format[i]);
      if (format[i] == '%') ++i;
      continue;
    }
    const char verb = i + 1 < format.size() ? format[++i] : '\0';
    const Type type = next < arguments.size() ? arguments[next].type : Type::kNil;
    const bool fits = (type == Type::kText && (verb == 's' || verb == 'v')) ||
                      (type == Type::kNumber && (verb == 'd' || verb == 'v'));
    if (!fits) return WrongArguments("printf", arguments);
    text += " ~ " + Quoted(plain) + " ~ " + arguments[next++].text;
    plain.clear();
  }
  if (next != arguments.size()) return WrongArguments("printf", arguments);
  return Typed{text + " ~ " + Quoted(plain) + ")", Type::kText};
}

}  // namespace

std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\'':
      case '\\':
        out.push_back('\\');
        [[fallthrough]];
      default:
        out.push_back(c);
    }
  }
  return out + "'";
}

std::string Condition(const Typed& value) { return IsStructure(value.type) ? "true" : value.text; }

Result<Typed> CallFunction(const std::string& name, const Arguments& arguments) {
  for (const Comparison& row : kComparisons) {
    if (row.name == name) return Compare(row, arguments);
  }
  if (name == "and" || name == "or") return AndOr(name, arguments);
  if (name == "len") return Length(arguments);
  if (name == "slice") return Slice(arguments);
  if (name == "index") return Index(arguments);
  if (name == "json") return Json(arguments);
  if (name == "printf") return Printf(arguments);
  if (name == "not" && arguments.size() == 1) {
    return Typed{"(not " + Condition(arguments[0]) + ")", Type::kBool};
  }
  if (name == "currentDate") return Typed{"strftime_now('%Y-%m-%d')", Type::kText};
  return Unsupported("the function '" + name + "' is not supported");
}

}  // namespace altteul::text::ollama
