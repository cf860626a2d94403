// SPDX-License-Identifier: Apache-2.0

#include "text/template/builtin.h"

#include <string>

namespace altteul::text::jinja {
namespace {

struct Parameter {
  std::string_view name;
  bool optional = false;
};

std::vector<Parameter> ParametersOf(std::string_view list) {
  std::vector<Parameter> parameters;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    const bool optional = name.back() == '?';
    if (optional) name.remove_suffix(1);
    parameters.push_back({name, optional});
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parameters;
}

Status Bind(const BuiltinRow& row, const Arguments& arguments,
            std::vector<std::optional<Value>>& slots) {
  const auto parameters = ParametersOf(row.parameters);
  const std::string name(row.name);
  if (arguments.positional.size() > parameters.size()) {
    return TypeError(name + "() takes at most " + std::to_string(parameters.size()) +
                     " arguments (" + std::to_string(arguments.positional.size()) + " given)");
  }
  slots.resize(parameters.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i) slots[i] = arguments.positional[i];
  for (const auto& [key, value] : arguments.named) {
    size_t slot = 0;
    while (slot < parameters.size() && parameters[slot].name != key) ++slot;
    if (slot == parameters.size()) {
      return TypeError(name + "() got an unexpected keyword argument '" + key + "'");
    }
    if (slots[slot]) return TypeError(name + "() got multiple values for argument '" + key + "'");
    slots[slot] = value;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (slots[i] || parameters[i].optional) continue;
    return TypeError(name + "() missing required argument: '" + std::string(parameters[i].name) +
                     "'");
  }
  return Status();
}

}  // namespace

Result<Value> RunBuiltin(Heap& heap, const BuiltinRow& row, const Value& self,
                         const Arguments& arguments) {
  ALT_RETURN_IF_ERROR(heap.Work(1));
  BuiltinCall call{heap, self, {}, arguments};
  if (row.parameters != "*") ALT_RETURN_IF_ERROR(Bind(row, arguments, call.slots));
  return row.run(call);
}

const BuiltinRow* FindRow(std::span<const BuiltinRow> rows, std::string_view name) {
  for (const BuiltinRow& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace altteul::text::jinja
