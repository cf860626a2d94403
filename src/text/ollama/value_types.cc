// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/value_types.h"

#include <algorithm>
#include <iterator>

namespace altteul::text::ollama {
namespace {

// (A dict has a method of the name items, so that key is asked for by get().)
// Messages and tools come as OpenAI's and Hugging Face's programs write them: what Go calls
// .ToolCalls is the key tool_calls, and absent ones are Go's zero value.
constexpr FieldRow kFields[] = {
    {Type::kMessage, "Role", Type::kText, "(@['role'] or '')"},
    {Type::kMessage, "Content", Type::kText, "(@['content'] or '')"},
    {Type::kMessage, "Thinking", Type::kText, "(@['thinking'] or @['reasoning_content'] or '')"},
    {Type::kMessage, "Images", Type::kImages, "(@['images'] or [])"},
    {Type::kMessage, "ToolCalls", Type::kToolCalls, "(@['tool_calls'] or [])"},
    {Type::kMessage, "ToolName", Type::kText, "(@['tool_name'] or @['name'] or '')"},
    {Type::kMessage, "ToolCallID", Type::kText, "(@['tool_call_id'] or '')"},
    {Type::kToolCall, "ID", Type::kText, "(@['id'] or '')"},
    {Type::kToolCall, "Function", Type::kCallFunction, "@['function']"},
    {Type::kCallFunction, "Index", Type::kNumber, "(@['index'] or 0)"},
    {Type::kCallFunction, "Name", Type::kText, "(@['name'] or '')"},
    {Type::kCallFunction, "Arguments", Type::kArguments,
     "((@['arguments'] | from_json) if @['arguments'] is string else (@['arguments'] or {}))"},
    {Type::kTool, "Type", Type::kText, "(@['type'] or '')"},
    {Type::kTool, "Function", Type::kToolFunction, "@['function']"},
    {Type::kToolFunction, "Name", Type::kText, "(@['name'] or '')"},
    {Type::kToolFunction, "Description", Type::kText, "(@['description'] or '')"},
    {Type::kToolFunction, "Parameters", Type::kParameters, "(@['parameters'] or {})"},
    {Type::kParameters, "Type", Type::kText, "(@['type'] or '')"},
    {Type::kParameters, "Required", Type::kTexts, "(@['required'] or [])"},
    {Type::kParameters, "Properties", Type::kProperties, "(@['properties'] or {})"},
    {Type::kProperty, "Type", Type::kPropertyType, "(@['type'] or [])"},
    {Type::kProperty, "Description", Type::kText, "(@['description'] or '')"},
    {Type::kProperty, "Enum", Type::kAnyList, "(@['enum'] or [])"},
    {Type::kProperty, "Items", Type::kAny, "@.get('items')"},
};

constexpr ElementRow kElements[] = {
    {Type::kMessages, Type::kMessage, false},   {Type::kImages, Type::kAny, false},
    {Type::kToolCalls, Type::kToolCall, false}, {Type::kTools, Type::kTool, false},
    {Type::kTexts, Type::kText, false},         {Type::kAnyList, Type::kAny, false},
    {Type::kArguments, Type::kAny, true},       {Type::kProperties, Type::kProperty, true},
};

struct TypeRow {
  Type type;
  std::string_view name;
  std::string_view print;
  std::string_view json;
};

constexpr TypeRow kTypes[] = {
    {Type::kNil, "nil", "'<no value>'", "'null'"},
    {Type::kText, "a text", "@", "go_json(@)"},
    {Type::kTextLength, "the length of a text", "", ""},
    {Type::kBool, "true or false", "('true' if @ else 'false')", "go_json(@)"},
    {Type::kNumber, "a number", "@", "go_json(@)"},
    {Type::kMixed, "values of different types", "", ""},
    {Type::kRoot, "everything", "", ""},
    {Type::kMessages, "the messages", "", ""},
    {Type::kMessage, "a message", "", ""},
    {Type::kImages, "images", "", ""},
    {Type::kToolCalls, "the tool calls", "", ""},
    {Type::kToolCall, "a tool call", "", ""},
    {Type::kCallFunction, "a called function", "", ""},
    {Type::kArguments, "arguments", "go_json(@)", "go_json(@)"},
    {Type::kTools, "the tools", "(go_tools(@) if @ else 'null')", "(go_tools(@) if @ else 'null')"},
    {Type::kTool, "a tool", "go_tool(@)", "go_tool(@)"},
    {Type::kToolFunction, "a tool's function", "go_function(@)", "go_function(@)"},
    {Type::kParameters, "parameters", "go_parameters(@)", "go_parameters(@)"},
    {Type::kProperties, "properties", "go_properties(@)", "go_properties(@)"},
    {Type::kProperty, "a property", "", "go_property(@)"},
    {Type::kPropertyType, "a property's type", "go_type(@)", "go_type_json(@)"},
    {Type::kTexts, "a list of texts", "", "go_json(@)"},
    {Type::kAnyList, "a list", "", "go_json(@)"},
    {Type::kAny, "a value", "go_any(@)", "go_json(@)"},
};

constexpr std::string_view kPrintingMacros = R"({%- macro go_json(value) -%}
{{- value | tojson(separators=[',', ':'], sort_keys=true) | replace('<', '\\u003c')
    | replace('>', '\\u003e') | replace('&', '\\u0026') -}}
{%- endmacro -%}
{%- macro go_any(value) -%}
{%- if value is string -%}{{- value -}}
{%- elif value is boolean -%}{{- 'true' if value else 'false' -}}
{%- elif value is integer -%}{{- value -}}
{%- elif value is float -%}{{- value | int if value == value | int else value -}}
{%- else -%}{{- raise_exception('a list, object or null among the arguments of a tool call or the '
    'properties of a tool, which Ollama\'s template writes in a way of Go that is not known here') -}}
{%- endif -%}
{%- endmacro -%}
{%- macro go_type(type) -%}
{{- type if type is string else (type[0] if type | length == 1
    else ('[' ~ (type | join(' ')) ~ ']' if type else '')) -}}
{%- endmacro -%}
{%- macro go_type_json(type) -%}
{{- go_json(type if type is string or type | length != 1 else type[0]) -}}
{%- endmacro -%}
{%- macro go_property(property) -%}
{%- set v = namespace(parts=[], any=[]) -%}
{%- for each in property['anyOf'] or [] -%}{%- set v.any = v.any + [go_property(each)] -%}{%- endfor -%}
{%- if v.any -%}{%- set v.parts = ['"anyOf":[' ~ (v.any | join(',')) ~ ']'] -%}{%- endif -%}
{%- if property['type'] -%}{%- set v.parts = v.parts + ['"type":' ~ go_type_json(property['type'])] -%}{%- endif -%}
{%- if property.get('items') is not none -%}
{%- set v.parts = v.parts + ['"items":' ~ go_json(property.get('items'))] -%}{%- endif -%}
{%- if property['description'] -%}
{%- set v.parts = v.parts + ['"description":' ~ go_json(property['description'])] -%}{%- endif -%}
{%- if property['enum'] -%}{%- set v.parts = v.parts + ['"enum":' ~ go_json(property['enum'])] -%}{%- endif -%}
{%- if property['properties'] -%}
{%- set v.parts = v.parts + ['"properties":' ~ go_properties(property['properties'])] -%}{%- endif -%}
{%- if property['required'] -%}
{%- set v.parts = v.parts + ['"required":' ~ go_json(property['required'])] -%}{%- endif -%}
{{- '{' ~ (v.parts | join(',')) ~ '}' -}}
{%- endmacro -%}
{%- macro go_properties(properties) -%}
{%- set v = namespace(parts=[]) -%}
{%- for name, property in properties | dictsort(true) -%}
{%- set v.parts = v.parts + [go_json(name) ~ ':' ~ go_property(property)] -%}
{%- endfor -%}
{{- '{' ~ (v.parts | join(',')) ~ '}' -}}
{%- endmacro -%}
{%- macro go_parameters(parameters) -%}
{{- '{"type":' ~ go_json(parameters['type'] or '') -}}
{%- if parameters['$defs'] -%}{{- ',"$defs":' ~ go_json(parameters['$defs']) -}}{%- endif -%}
{%- if parameters.get('items') is not none -%}{{- ',"items":' ~ go_json(parameters.get('items')) -}}{%- endif -%}
{%- if parameters['required'] -%}{{- ',"required":' ~ go_json(parameters['required']) -}}{%- endif -%}
{{- ',"properties":' ~ (go_properties(parameters['properties']) if parameters['properties'] is mapping
    else 'null') ~ '}' -}}
{%- endmacro -%}
{%- macro go_function(function) -%}
{{- '{"name":' ~ go_json(function['name'] or '') ~ ',"description":' ~ go_json(function['description'] or '')
    ~ ',"parameters":' ~ go_parameters(function['parameters'] or {}) ~ '}' -}}
{%- endmacro -%}
{%- macro go_tool(tool) -%}
{{- '{"type":' ~ go_json(tool['type'] or '') ~ ',"function":' ~ go_function(tool['function']) ~ '}' -}}
{%- endmacro -%}
{%- macro go_tools(tools) -%}
{%- set v = namespace(parts=[]) -%}
{%- for tool in tools -%}{%- set v.parts = v.parts + [go_tool(tool)] -%}{%- endfor -%}
{{- '[' ~ (v.parts | join(',')) ~ ']' -}}
{%- endmacro -%}
)";

const TypeRow& RowOf(Type type) {
  return *std::ranges::find(kTypes, type, [](const TypeRow& row) { return row.type; });
}

}  // namespace

std::string Filled(std::string_view pattern, std::string_view value) {
  std::string out;
  for (const char c : pattern) {
    if (c == '@') {
      out += value;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

const FieldRow* FindField(Type owner, std::string_view name) {
  for (const FieldRow& row : kFields) {
    if (row.owner == owner && row.name == name) return &row;
  }
  return nullptr;
}

std::string_view PrintPattern(Type type) { return RowOf(type).print; }
std::string_view JsonPattern(Type type) { return RowOf(type).json; }
std::string_view TypeName(Type type) { return RowOf(type).name; }

const ElementRow* FindElement(Type list) {
  for (const ElementRow& row : kElements) {
    if (row.list == list) return &row;
  }
  return nullptr;
}

bool IsStructure(Type type) {
  constexpr Type kStructures[] = {Type::kRoot,         Type::kMessage, Type::kToolCall,
                                  Type::kCallFunction, Type::kTool,    Type::kToolFunction,
                                  Type::kParameters,   Type::kProperty};
  return std::ranges::find(kStructures, type) != std::end(kStructures);
}

std::string_view PrintingMacros() { return kPrintingMacros; }

}  // namespace altteul::text::ollama
