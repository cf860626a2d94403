// SPDX-License-Identifier: Apache-2.0

#include "text/template/globals.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/template/python_text.h"

namespace altteul::text::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // jinja2's sandbox: MAX_RANGE

Result<Value> Range(RenderState& state, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    return TypeError("range expected 1 to 3 arguments, got " + std::to_string(given.size()));
  }
  for (const Value& bound : given) {
    if (bound.is_undefined()) return UndefinedError(bound);
    if (bound.integer()) continue;
    return TypeError("'" + std::string(bound.TypeName()) +
                     "' object cannot be interpreted as an integer");
  }
  const int64_t begin = given.size() > 1 ? *given[0].integer() : 0;
  const int64_t end = *given[given.size() > 1 ? 1 : 0].integer();
  const int64_t step = given.size() > 2 ? *given[2].integer() : 1;
  if (step == 0) return TypeError("range() arg 3 must not be zero");
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (items.size() == static_cast<size_t>(kMaxRange)) {
      return TypeError("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    items.push_back(Value(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return MakeSequence(state.heap, std::move(items), SequenceKind::kRange);
}

// dict(mapping or pairs, name=value, ...)
Result<Value> Dict(RenderState& state, const Arguments& arguments) {
  if (arguments.positional.size() > 1) return TypeError("dict expected at most 1 argument");
  DictEntries entries;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.dict() != nullptr) {
      entries = source.dict()->entries;
    } else {
      ALT_ASSIGN_OR_RETURN(const std::vector<Value> pairs, Iterate(state.heap, source));
      for (const Value& pair : pairs) {
        ALT_ASSIGN_OR_RETURN(const std::vector<Value> parts, Iterate(state.heap, pair));
        if (parts.size() != 2) return TypeError("dict() needs pairs of key and value");
        entries.emplace_back(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) {
    ALT_ASSIGN_OR_RETURN(Value key, MakeString(state.heap, name, true));
    entries.emplace_back(std::move(key), value);
  }
  return MakeDict(state.heap, std::move(entries));
}

Result<Value> Namespace(RenderState& state, const Arguments& arguments) {
  ALT_ASSIGN_OR_RETURN(const Value dict, Dict(state, arguments));
  ALT_RETURN_IF_ERROR(state.heap.Work(16));  // they live until the end
  auto made = std::make_shared<NamespaceObject>();
  state.namespaces.push_back(made);
  for (const auto& [key, value] : dict.dict()->entries) {
    if (!key.is_string()) return TypeError("namespace attributes must be strings");
    ALT_RETURN_IF_ERROR(made->Set(state.heap, key.bytes(), value));
  }
  return Value(std::shared_ptr<Object>(std::move(made)));
}

Result<Value> RaiseException(RenderState& state, const Arguments& arguments) {
  if (arguments.positional.empty()) return TypeError("raise_exception() needs a message");
  ALT_ASSIGN_OR_RETURN(const OriginText text, ToText(state.heap, arguments.positional[0]));
  return Status(ErrorCode::kInvalidArgument, text.bytes());
}

Result<Value> StrftimeNow(RenderState& state, const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.positional[0].is_string()) {
    return TypeError("strftime_now() needs a format");
  }
  if (!state.now) {
    return TypeError("strftime_now(): the caller gave no time (context key __now)");
  }
  const std::string_view format = arguments.positional[0].bytes();
  ALT_RETURN_IF_ERROR(state.heap.Reserve(32 * format.size()));
  ALT_ASSIGN_OR_RETURN(const std::string text, FormatTime(format, *state.now));
  return MakeString(state.heap, text);
}

struct GlobalRow {
  std::string_view name;
  Result<Value> (*run)(RenderState& state, const Arguments& arguments);
};

constexpr GlobalRow kGlobals[] = {
    {"range", &Range},
    {"dict", &Dict},
    {"namespace", &Namespace},
    {"raise_exception", &RaiseException},
    {"strftime_now", &StrftimeNow},
};

class GlobalFunction : public Object {
 public:
  GlobalFunction(RenderState& state, const GlobalRow& row) : state_(state), row_(row) {}
  std::string_view TypeName() const override { return "function"; }
  bool callable() const override { return true; }
  Result<Value> Call(Heap& heap, const Arguments& arguments) override {
    ALT_RETURN_IF_ERROR(heap.Work(1));
    return row_.run(state_, arguments);
  }

 private:
  RenderState& state_;
  const GlobalRow& row_;
};

}  // namespace

bool IsGlobal(std::string_view name) {
  return std::ranges::any_of(kGlobals, [name](const GlobalRow& row) { return row.name == name; });
}

std::optional<Value> FindGlobal(RenderState& state, std::string_view name) {
  for (const GlobalRow& row : kGlobals) {
    if (row.name != name) continue;
    return Value(std::shared_ptr<Object>(std::make_shared<GlobalFunction>(state, row)));
  }
  return std::nullopt;
}

}  // namespace altteul::text::jinja
